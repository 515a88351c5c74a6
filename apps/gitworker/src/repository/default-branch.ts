import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import type { RunJob } from '../process/job.ts'
import type { GitReply } from '../reply/git-reply.ts'
import { ReportGate } from '../reply/report-gate.ts'
import { beginningOf } from './repository.ts'

/*
 * A repository that is created for a push needs a HEAD before it is known which branches will come. It gets `main` and a
 * file that says so. The first push that brings a branch settles it, so that a clone after a push of `master` checks
 * something out: to the branch if it is one, or else to `main`, `master`, or the first of them. It is left as it is if it
 * leads to a branch that exists, or if somebody has pointed it to another branch, which may be yet to come.
 */

const guess = 'main'
const mark = 'sluice-head-is-a-guess'

/** git's options for `init`, and the mark in the folder that it made. */
export const initialHead = {
  initOptions: ['-c', `init.defaultBranch=${guess}`],
  mark: (gitDir: string) => writeFile(join(gitDir, mark), ''),
} as const

/** HEAD of a repository that is pushed to while it is a guess. */
export type NewHead = {
  /**
   * Settles it if a branch has come, once for the push. Whoever asks again waits for the same. It belongs to no client, and
   * goes on when one has left.
   *
   * @throws {JobError} where git says no: the next push tries again
   */
  settle(): Promise<void>
  /**
   * A way to the client that holds back what tells of success until HEAD is settled.
   *
   * @param reply watches what goes through it
   */
  gate(outgoing: Writable, reply: GitReply): ReportGate
}

/** The heads that are guesses: of one repository, they are settled one after the other. */
export class NewHeads {
  readonly #settling = new Map<string, Promise<void>>()
  readonly #runJob: RunJob

  constructor(runJob: RunJob) {
    this.#runJob = runJob
  }

  /** To be asked before git starts. Costs a look where HEAD is no guess. */
  of(gitDir: string): NewHead | undefined {
    if (!existsSync(join(gitDir, mark))) return undefined
    let settled: Promise<void> | undefined
    const settle = () => (settled ??= this.#settleInTurn(gitDir))
    return { settle, gate: (outgoing, reply) => new ReportGate(outgoing, () => settle().catch(() => {}), reply) }
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

/** After a push: if HEAD is still a guess and leads to no branch, makes it point to one that exists. */
export async function settleHead(gitDir: string, runJob: RunJob): Promise<void> {
  const marked = join(gitDir, mark)
  if (!existsSync(marked)) return
  const inRepository = ['--git-dir', gitDir]
  const head = await runJob([...inRepository, 'rev-parse', '--verify', '--quiet', 'HEAD'], { okCodes: [0, 1] })
  if (head === '') {
    if (!(await isStillAGuess(gitDir, inRepository, runJob))) return
    const branch = await branchFor(inRepository, runJob)
    if (branch === undefined) return
    await runJob([...inRepository, ...pointHeadTo(branch)])
  }
  await rm(marked, { force: true })
}

/** Whether HEAD is as it was made. git follows a branch that is itself another name, so its file is looked at first. */
async function isStillAGuess(gitDir: string, inRepository: readonly string[], runJob: RunJob): Promise<boolean> {
  const made = `refs/heads/${guess}`
  if (beginningOf(join(gitDir, 'HEAD')) === `ref: ${made}\n`) return true
  // Where references are in tables, the file says nothing. 1: it is no symbolic reference.
  const target = await runJob([...inRepository, 'symbolic-ref', '--quiet', 'HEAD'], { okCodes: [0, 1] })
  return target.trim() === made
}

/** @returns its name, a character for each byte; undefined where there is no branch */
async function branchFor(inRepository: readonly string[], runJob: RunJob): Promise<string | undefined> {
  // A pattern stands for what is below it, too; what it names comes before that.
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
 * git's arguments. A name that is not UTF-8 cannot be one of them, since they are text here: a shell makes it, from digits
 * alone.
 *
 * @param branch a character for each byte
 */
function pointHeadTo(branch: string): string[] {
  const bytes = Buffer.from(branch, 'latin1')
  const text = bytes.toString()
  if (Buffer.from(text).equals(bytes)) return ['symbolic-ref', 'HEAD', text]
  const digits = [...bytes].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('')
  return ['-c', `alias.point-head=!git symbolic-ref HEAD "$(printf %b '${digits}')"`, 'point-head']
}
