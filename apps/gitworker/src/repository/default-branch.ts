import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFile } from '@sluice/shared/machine/sync-to-disk'
import type { RunJob } from '../process/job/job.ts'
import { beginningOf } from './repository.ts'

/*
 * A repository that is created for a push needs a HEAD before it is known which branches will come. It gets `main`, and a
 * file that marks this as a guess. The first push that brings branches settles it, so that a clone checks something out
 * even if only `master` was pushed. If one branch came, HEAD is pointed to it; if several did, to `main`, `master`, or the
 * first of them. HEAD stays as it is if it leads to a branch that exists, or if somebody has pointed it elsewhere, even to
 * a branch that does not exist yet.
 */

const guess = 'main'
const mark = 'sluice-head-is-a-guess'

/** git's options for `init`, and the marking of the repository that it has made. */
export const initialHead = {
  initOptions: ['-c', `init.defaultBranch=${guess}`],
  mark: (gitDir: string) => writeFile(join(gitDir, mark), ''),
} as const

/** Whether the first push that brings branches may point HEAD to one of them. */
export function isHeadAGuess(gitDir: string): boolean {
  return existsSync(join(gitDir, mark))
}

/** Somebody has said where HEAD points to: no push changes it. */
export async function headIsNoGuess(gitDir: string): Promise<void> {
  await rm(join(gitDir, mark), { force: true })
}

/** The HEAD of a repository that is pushed to, as long as it is a guess. */
export type NewHead = {
  /**
   * Settles HEAD if a branch has come. For one push this happens once, however often it is called. It goes on if the client
   * leaves.
   *
   * @throws {JobError} if git fails; the next push tries again
   */
  settle(): Promise<void>
}

/** Settles HEADs that are guesses. For one repository, pushes take turns. */
export class NewHeads {
  readonly #settling = new Map<string, Promise<void>>()
  readonly #runJob: RunJob

  constructor(runJob: RunJob) {
    this.#runJob = runJob
  }

  /** To be called before git starts. @returns undefined if HEAD is no guess, at the cost of one system call */
  of(gitDir: string): NewHead | undefined {
    if (!isHeadAGuess(gitDir)) return undefined
    let settled: Promise<void> | undefined
    return { settle: () => (settled ??= this.#settleInTurn(gitDir)) }
  }

  async #settleInTurn(gitDir: string): Promise<void> {
    for (let other; (other = this.#settling.get(gitDir));) await other.catch(() => {})
    const settling = settleHead(gitDir, this.#runJob)
    this.#settling.set(gitDir, settling)
    try {
      await settling
    } finally {
      this.#settling.delete(gitDir)
    }
  }
}

/** If HEAD is still a guess and leads to no branch, points it to one that exists. */
export async function settleHead(gitDir: string, runJob: RunJob): Promise<void> {
  if (!isHeadAGuess(gitDir)) return
  const inRepository = ['--git-dir', gitDir]
  const head = await runJob([...inRepository, 'rev-parse', '--verify', '--quiet', 'HEAD'], { okCodes: [0, 1] })
  if (head === '') {
    if (!(await isStillAGuess(gitDir, inRepository, runJob))) return
    const branch = await branchFor(inRepository, runJob)
    if (branch === undefined) return
    await runJob([...inRepository, ...pointHeadTo(branch)])
    await syncHead(gitDir)
  }
  await headIsNoGuess(gitDir)
}

/** Whether HEAD is as it was made. Its file is read first, because git would also follow a branch that is symbolic. */
async function isStillAGuess(gitDir: string, inRepository: readonly string[], runJob: RunJob): Promise<boolean> {
  const made = `refs/heads/${guess}`
  if (beginningOf(join(gitDir, 'HEAD')) === `ref: ${made}\n`) return true
  // With reftable, the file says nothing. Exit code 1: HEAD is not symbolic.
  const target = await runJob([...inRepository, 'symbolic-ref', '--quiet', 'HEAD'], { okCodes: [0, 1] })
  return target.trim() === made
}

/** @returns the branch's name, one character for each byte. Undefined if there is no branch */
async function branchFor(inRepository: readonly string[], runJob: RunJob): Promise<string | undefined> {
  // A pattern also matches what is below it. The reference of that very name is listed first.
  const branchesAt = async (pattern: string, most: number) => {
    const args = [...inRepository, 'for-each-ref', `--count=${most}`, '--format=%(refname)', '--', pattern]
    return (await runJob(args, { encoding: 'latin1' })).split('\n').filter(Boolean)
  }
  const [first, second] = await branchesAt('refs/heads/', 2)
  if (second === undefined) return first
  for (const usual of ['refs/heads/main', 'refs/heads/master']) {
    if ((await branchesAt(usual, 1))[0] === usual) return usual
  }
  return first
}

/**
 * To be called when HEAD has been set. git gives its file the new name without waiting for what is in it, and a repository
 * with an empty HEAD is none to git.
 *
 * @throws the file system's error
 */
export async function syncHead(gitDir: string): Promise<void> {
  await syncFile(join(gitDir, 'HEAD'))
}

/**
 * git's arguments. They are text here, so a name that is not UTF-8 cannot be one of them. A shell makes it from digits.
 *
 * @param branch its full name, one character for each byte
 */
export function pointHeadTo(branch: string): string[] {
  const bytes = Buffer.from(branch, 'latin1')
  const text = bytes.toString()
  if (Buffer.from(text).equals(bytes)) return ['symbolic-ref', 'HEAD', text]
  const digits = [...bytes].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('')
  return ['-c', `alias.point-head=!git symbolic-ref HEAD "$(printf %b '${digits}')"`, 'point-head']
}
