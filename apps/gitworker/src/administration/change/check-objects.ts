import { StringDecoder } from 'node:string_decoder'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { RunLongJob } from '../../process/job/long-job.ts'
import { commonDirOf } from '../../repository/repository.ts'
import { isGcAtWork, lockForGc } from '../gc/gc-lock.ts'
import { foundRepository } from '../operation/found-repository.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'
import { progressLines } from '../../git/progress-lines.ts'
import type { Turns } from '../operation/turns.ts'

export type FsckServices = { readonly root: string; readonly turns: Turns; readonly runLongJob: RunLongJob }

export type Checked = {
  readonly repository: string
  readonly isSound: boolean
  /** What git has said, the first lines of it. */
  readonly problems: readonly string[]
  readonly moreProblems: number
}

const maxProblems = 100

/** The bits of fsck's exit code (builtin/fsck.c): problems were found. Other codes mean that it could not be done. */
const okCodes = Array.from({ length: 64 }, (_, code) => code)

/** Lines of progress, and of things that are no problem. */
const noProblem = /^(?:Checking |Verifying |notice: |dangling |.*: +\d+% \()/

/**
 * Checks all objects, and that each reference leads to whole history. Objects that nothing leads to are no problem.
 *
 * @throws {Refusal} `repository_missing`, `repository_busy`; {JobError} where it could not be done
 */
export async function checkObjects(
  { root, turns, runLongJob }: FsckServices,
  { repository }: OperationOf<'fsck'>,
  { signal, tell }: Progress,
): Promise<Checked> {
  const { gitDir, keys } = foundRepository(root, repository)
  using _turn = turns.take(keys, 'fsck')
  using _lock = keepGcOut(commonDirOf(gitDir))
  const problems = new ProblemList()
  const toLines = progressLines(tell)
  const onWords = (chunk: Buffer) => {
    toLines(chunk)
    problems.add(chunk)
  }
  const args = ['--git-dir', gitDir, 'fsck', '--full', '--strict', '--no-dangling', '--progress']
  const { code, output } = await runLongJob(args, { okCodes, signal, onWords })
  problems.add(Buffer.from(`\n${output}\n`))
  const isSound = code === 0
  return { repository, isSound, problems: isSound ? [] : problems.first, moreProblems: isSound ? 0 : problems.more }
}

/**
 * A pack that a gc replaces meanwhile would look as if it were missing.
 *
 * @returns undefined where nobody may write to the repository, so that there is no gc of ours either
 * @throws {Refusal} `repository_busy`
 */
function keepGcOut(gitDir: string): Disposable | undefined {
  try {
    const lock = lockForGc(gitDir)
    if (lock) return lock
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'].includes(errnoOf(error))) throw error
    if (!isGcAtWork(gitDir)) return undefined
  }
  const sentence =
    'Maintenance, or a git gc, is at work in this repository (see gc.pid, gc.pid.lock and objects/maintenance.lock in it). Try again when it is over.'
  throw new Refusal('repository_busy', { sentence })
}

class ProblemList {
  readonly first: string[] = []
  more = 0
  readonly #decoder = new StringDecoder()
  #rest = ''

  add(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split(/[\r\n]/)
    this.#rest = lines.pop()!.slice(-1000)
    for (const line of lines) {
      if (line.trim() === '' || noProblem.test(line)) continue
      if (this.first.length < maxProblems) this.first.push(line.slice(0, 500))
      else this.more++
    }
  }
}
