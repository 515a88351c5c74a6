import { addAbortListener } from 'node:events'
import type { Lane } from '@sluice/shared/admission/lane'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { GitReport } from '../worker-message.ts'
import { withWord } from '../request-processes.ts'
import type { Pool } from '../pool.ts'
import type { SpawnLog } from '../spawn-log.ts'
import { workerRefusal } from '../worker-handle.ts'
import type { WorkerHandle } from '../worker-handle.ts'
import { jobCommand } from '../../git/command.ts'
import type { GitOptions } from '../../git/command.ts'
import { isShortage } from '../../git/shortage.ts'

const maxOutputBytes = 1024 * 1024
const deadlineMs = 30_000
const graces = { term: 0, kill: 1000, drain: false }

/** A git command of our own that failed. The message is what git said on standard error. */
export class JobError extends Error {
  override readonly name = 'JobError'
  readonly report: GitReport | undefined

  constructor(message: string, report?: GitReport) {
    super(message)
    this.report = report
  }
}

/** What a job needs to know of the request that it is for. */
export type JobOwner = { readonly id: string; readonly signal: AbortSignal }

export type RunJob = (
  args: readonly string[],
  options?: {
    /** Exit codes that are not a failure. Only 0 by default. */
    okCodes?: readonly number[]
    /** When it is aborted, the job is ended and throws the signal's reason. */
    signal?: AbortSignal
    /** The request that the job is for, as the debug log names it. */
    requestId?: string
    /** The encoding of git's standard output. UTF-8 by default; `latin1` gives one character for each byte. */
    encoding?: 'utf8' | 'latin1'
  },
) => Promise<string>

/** Runs jobs on behalf of a request. They are ended when its signal is aborted. */
export function forRequest({ id, signal }: JobOwner, runJob: RunJob): RunJob {
  return (args, options) => runJob(args, { signal, requestId: id, ...options })
}

/**
 * The one way in which the supervisor runs git for itself (init, config, version): in a worker, as for a request, with a
 * slot in the lane for jobs, bounded output and a deadline.
 *
 * @returns a function from git's arguments to its standard output. It throws JobError, the signal's reason, or a Refusal
 *   if there is no worker
 */
export function jobRunner(pool: Pool, git: GitOptions, lane: Lane, spawnLog: SpawnLog): RunJob {
  return async (args, { okCodes = [0], signal, requestId, encoding = 'utf8' } = {}) => {
    using _slot = await lane.admit(forItself, signal ?? never)
    await using worker = await pool.lease(signal)
    const deadline = AbortSignal.timeout(deadlineMs)
    const end = signal ? AbortSignal.any([signal, deadline]) : deadline
    using _stopping = addAbortListener(end, () => worker.stop())
    try {
      const command = withWord(jobCommand(git, args), worker.mark)
      worker.serve(spawnLog.begin(worker, command, requestId), graces)
      worker.stdin.end()
      const [output, report] = await Promise.all([collect(worker.stdout), worker.report])
      await checkEnd(args, worker, report, okCodes)
      return output.toString(encoding)
    } catch (error) {
      signal?.throwIfAborted()
      if (deadline.aborted) throw new JobError(`git ${args[0]} took longer than ${deadlineMs} ms.`)
      throw workerRefusal(error) ?? error
    }
  }
}

/** @throws {JobError} with git's words, or {Refusal} `no_resources`, where a job did not end as it should */
export async function checkEnd(
  args: readonly string[],
  worker: WorkerHandle,
  report: GitReport,
  okCodes: readonly number[],
): Promise<void> {
  if (report.code !== null && okCodes.includes(report.code)) return
  const words = (await worker.lastWords()).trim()
  if (isShortage(words)) throw new Refusal('no_resources', { cause: new JobError(words, report) })
  throw new JobError(words || `git ${args[0]} ended with ${report.signal ?? report.code}.`, report)
}

const never = new AbortController().signal

/** All jobs have the same claim, so they are served in the order in which they came. */
export const forItself = { repository: '', client: '' }

async function collect(stdout: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdout) {
    bytes += chunk.length
    if (bytes > maxOutputBytes) throw new JobError(`git wrote more than ${maxOutputBytes} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
