import { join } from 'node:path'
import { git } from '@sluice/shared/testing/git'
import { workFor } from '../load/at-once.ts'
import { preparedCommits } from '../repositories/prepared-pushes.ts'
import { Sequence } from './sequence.ts'
import type { Scenario } from './scenario.ts'

const clients = 4

/** Real `git push` of one commit to a fresh branch each; git alone pushes to the repository’s path. */
export const pushSmall: Scenario = {
  name: 'push-small',
  figures: [{ name: 'push-small', unit: `pushes/s, git itself, ${clients} at once`, better: 'more' }],
  mostRounds: Infinity,
  warmsUp: true,
  async prepare({ repositories: { root, small, pushes }, targets }) {
    const commits = await preparedCommits(pushes)
    const sequence = new Sequence()
    const names = new Map<string, string>()
    return async (contestant, { seconds: wanted }) => {
      const target = names.get(contestant.name) ?? (await targets.create(contestant, small))
      names.set(contestant.name, target)
      const address = contestant.address(target)
      const before = await branchesOf(join(root, target))
      const { done, seconds, errors } = await workFor(wanted, clients, idle, async () => {
        const number = sequence.next(contestant)
        // When all commits have been used, the same commit under another name is a push, too.
        const refspec = `${commits[number % commits.length]}:refs/heads/pushed/${number}`
        await git(pushes, ['push', '--quiet', address, refspec])
      })
      const arrived = (await branchesOf(join(root, target))) - before
      const lost = arrived === done ? [] : [`${done} pushes were reported done, ${arrived} have arrived`]
      return { values: { 'push-small': done / seconds }, requests: done, errors: [...errors, ...lost] }
    }
  },
}

/** Here git is the client. */
async function idle(): Promise<Disposable & { ask(): Promise<void> }> {
  return { ask: () => Promise.resolve(), [Symbol.dispose]() {} }
}

async function branchesOf(gitDir: string): Promise<number> {
  const safe = ['-c', 'safe.directory=*']
  return (await git(gitDir, [...safe, 'for-each-ref', 'refs/heads/pushed'])).split('\n').filter(Boolean).length
}
