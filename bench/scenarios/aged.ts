import { cp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { git, packOf } from '@sluice/shared/testing/git'
import { workFor, workOff } from '../load/at-once.ts'
import type { Load } from '../load/at-once.ts'
import { capabilities, fetch, lsRefs, smallPush } from '../load/git-request.ts'
import type { GitRequest } from '../load/git-request.ts'
import { median } from '../load/statistics.ts'
import type { Contestant } from '../peers/contestant.ts'
import { preparedCommits } from '../repositories/prepared-pushes.ts'
import type { Scenario } from './scenario.ts'

const clients = 4
const clones = 9
const none = '0'.repeat(40)

/**
 * A repository after many small pushes: new branches, some rewritten, some deleted again. Sluice keeps it in shape by
 * itself, the others by git's own automatic gc. Each clone wants another commit, so that none is cached. It must be a
 * commit that a branch points at, and everything that is below.
 */
export const aged: Scenario = {
  name: 'aged',
  figures: [
    { name: 'aged, pushes', unit: `pushes/s, ${clients} clients`, better: 'more' },
    { name: 'aged, clone', unit: 'ms, one clone after all pushes', better: 'less' },
    { name: 'aged, shallow', unit: 'ms, one shallow clone', better: 'less' },
    { name: 'aged, poll', unit: `polls/s, ${clients} clients`, better: 'more' },
    { name: 'aged, clone when repacked', unit: 'ms, the same after git repack -adb', better: 'less' },
    { name: 'aged, disk', unit: 'times the size when repacked', better: 'less' },
  ],
  mostRounds: 1,
  warmsUp: false,
  serversOnly: true,
  async prepare({ repositories: { root, small, pushes }, targets, quick }) {
    const commits = (await preparedCommits(pushes)).slice(0, quick ? 300 : 3000)
    const packs: Buffer[] = []
    for (const commit of commits) packs.push(await packOf(pushes, `${commit}\n^main\n`))
    return async (contestant, { seconds }) => {
      const target = await targets.create(contestant, small)
      const path = join(root, target)
      await git(path, [...safe, 'config', 'receive.autogc', 'true'])
      const pushed = await workOff(
        commits.length,
        clients,
        () => contestant.open(),
        (client, number) => client.ask(pushOf(target, number, commits, packs)),
      )
      const wants = commits.filter((_, number) => isKept(number, commits.length))
      const agedMs = await cloneMs(contestant, target, wants.slice(-clones))
      const shallowMs = await cloneMs(contestant, target, wants.slice(-2 * clones, -clones), 1)
      const polled = await poll(contestant, target, wants.length, seconds)
      const repacked = `${target}-repacked.git`
      await repack(path, join(root, repacked))
      const repackedMs = await cloneMs(contestant, repacked, wants.slice(-clones))
      const disk = (await bytesBelow(path)) / (await bytesBelow(join(root, repacked)))
      for (const name of [target, repacked]) await targets.remove(name)
      return {
        values: {
          'aged, pushes': pushed.done / pushed.seconds,
          'aged, clone': agedMs,
          'aged, shallow': shallowMs,
          'aged, poll': polled.done / polled.seconds,
          'aged, clone when repacked': repackedMs,
          'aged, disk': disk,
        },
        requests: pushed.done + 2 * polled.done,
        errors: [...pushed.errors, ...polled.errors],
      }
    }
  },
}

const safe = ['-c', 'safe.directory=*'] as const

/**
 * A new branch for most. Of ten, one rewrites a branch that an earlier push has made, and one deletes that of another: each
 * client's pushes follow one another, but not those of different clients, so both are far behind.
 */
function pushOf(repository: string, number: number, commits: readonly string[], packs: readonly Buffer[]): GitRequest {
  const earlier = number - 40
  if (earlier >= 0 && number % 10 === 9) {
    return smallPush(repository, `${commits[earlier - 1]!} ${none} ${branch(earlier - 1)}`, undefined)
  }
  const isRewrite = earlier >= 0 && number % 10 === 5
  const old = isRewrite ? commits[earlier - 2]! : none
  return smallPush(repository, `${old} ${commits[number]!} ${branch(isRewrite ? earlier - 2 : number)}`, packs[number])
}

function branch(number: number): string {
  return `refs/heads/aged/${number}`
}

/** Whether a branch points at the commit of a push in the end, where there are `count` of them. */
function isKept(number: number, count: number): boolean {
  const isDeletion = number % 10 === 9 && number >= 40
  const isDeleted = number % 10 === 8 && number + 41 < count
  const isRewritten = number % 10 === 3 && number + 42 < count
  return !isDeletion && !isDeleted && !isRewritten
}

async function cloneMs(
  contestant: Contestant,
  repository: string,
  wants: readonly string[],
  depth?: number,
): Promise<number> {
  using client = await contestant.open()
  const times: number[] = []
  for (const want of wants) {
    const begin = performance.now()
    await client.ask(fetch({ repository, want, atLeast: 1000, ...(depth !== undefined && { depth }) }))
    times.push(performance.now() - begin)
  }
  return median(times)
}

async function poll(contestant: Contestant, repository: string, refs: number, seconds: number): Promise<Load> {
  const advertisement = capabilities(repository)
  const references = lsRefs(repository, refs)
  return await workFor(
    seconds,
    clients,
    () => contestant.open(),
    async (client) => {
      await client.ask(advertisement)
      await client.ask(references)
    },
  )
}

async function repack(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true })
  await git(to, [...safe, 'repack', '-a', '-d', '-b', '-q'])
  await git(to, [...safe, 'prune', '--expire=now'])
  await git(to, [...safe, 'pack-refs', '--all'])
}

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).blocks * 512
  }
  return bytes
}
