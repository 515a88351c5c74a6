import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunJob } from '../git/job.ts'

/*
 * A repository that is created for a push needs a HEAD before it is known which branches will come. It gets `main` and a
 * file that says so; the first push settles it, so that a clone after a push of `master` checks something out.
 */

const guess = 'main'
const mark = 'sluice-head-is-a-guess'

/** git's options for `init`, and the mark in the folder that it made. */
export const initialHead = {
  initOptions: ['-c', `init.defaultBranch=${guess}`],
  mark: (gitDir: string) => writeFile(join(gitDir, mark), ''),
} as const

/** After a push: if HEAD is still a guess, makes it point to a branch that exists. Costs one stat where it is none. */
export async function settleHead(gitDir: string, runJob: RunJob): Promise<void> {
  const marked = join(gitDir, mark)
  if (!(await stat(marked).catch(() => undefined))) return
  const inRepository = ['--git-dir', gitDir]
  const branches = await runJob([...inRepository, 'for-each-ref', '--count=100', '--format=%(refname)', 'refs/heads/'])
  const [first, ...others] = branches.split('\n').filter(Boolean)
  if (first === undefined) return
  if (![first, ...others].includes(`refs/heads/${guess}`))
    await runJob([...inRepository, 'symbolic-ref', 'HEAD', first])
  await rm(marked, { force: true })
}
