import { Refusal } from '@sluice/shared/refusal/refusal'
import type { RunJob } from '../../process/job/job.ts'
import { isGcAtWork } from '../gc/gc-lock.ts'

/*
 * A repository that others borrow from must keep every object for ever: one that none of its own references needs may be
 * needed by theirs. `extensions.preciousObjects` says so to git itself (git-config(1)): `git prune` and `git repack -d`
 * refuse to work, and `git gc` leaves the objects alone, whoever runs them. A second setting says that it was Sluice that
 * set the first, so that it may be taken back when nobody borrows any more.
 */

export const preciousKey = 'extensions.preciousObjects'
export const lendsKey = 'sluice.lends'

/**
 * Marks a repository as one that lends, before the first one borrows from it.
 *
 * @throws {Refusal} `repository_busy` where a git gc is at work in it, which may have begun without knowing
 * @throws {JobError} where git fails
 */
export async function lend(gitDir: string, runJob: RunJob): Promise<void> {
  const inRepository = ['--git-dir', gitDir, 'config']
  if (!(await isPrecious(gitDir, runJob))) {
    await runJob([...inRepository, preciousKey, 'true'])
    await runJob([...inRepository, lendsKey, 'true'])
  }
  checkNoGc(gitDir)
}

/** Takes the mark back. To be called where nobody borrows. What an operator has set himself stays. */
export async function stopLending(gitDir: string, runJob: RunJob): Promise<void> {
  if (!(await isSet(gitDir, lendsKey, runJob))) return
  const inRepository = ['--git-dir', gitDir, 'config', '--unset-all']
  // Exit code 5: it was not set.
  await runJob([...inRepository, preciousKey], { okCodes: [0, 5] })
  await runJob([...inRepository, lendsKey], { okCodes: [0, 5] })
}

/** Whether git must never remove an object of this repository. */
export async function isPrecious(gitDir: string, runJob: RunJob): Promise<boolean> {
  return await isSet(gitDir, preciousKey, runJob)
}

async function isSet(gitDir: string, key: string, runJob: RunJob): Promise<boolean> {
  const query = ['--git-dir', gitDir, 'config', '--type=bool', '--get', '--end-of-options', key]
  return (await runJob(query, { okCodes: [0, 1] })).trim() === 'true'
}

function checkNoGc(gitDir: string): void {
  if (!isGcAtWork(gitDir)) return
  const sentence =
    'Maintenance, or a git gc, is at work in this repository (see its gc.pid). Try again when it is over.'
  throw new Refusal('repository_busy', { sentence })
}
