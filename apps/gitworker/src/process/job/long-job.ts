import { addAbortListener } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { pump } from '@sluice/shared/exchange/pump'
import type { Lane } from '@sluice/shared/admission/lane'
import { longJobCommand, tracedTo } from '../../git/command.ts'
import type { GitOptions } from '../../git/command.ts'
import { checkEnd, forItself } from './job.ts'
import type { RequestNote } from '../request-note.ts'
import { withWord } from '../request-processes.ts'
import type { RequestMark } from '../request-processes.ts'
import type { Pool } from '../pool.ts'
import type { SpawnLog } from '../spawn-log.ts'
import { workerRefusal } from '../worker-handle.ts'
import type { WorkerHandle } from '../worker-handle.ts'

/** So much of git's standard output is kept: its beginning. */
const maxOutputBytes = 256 * 1024

/** git removes its temporary packs at SIGTERM. */
const graces = { term: 0, kill: 5000, drain: false }

/** Where a job is noted that may leave files if it is killed. */
export type JobNotes = {
  noteRepack(worker: RequestMark, gitDir: string): RequestNote
  noteFetch(worker: RequestMark, gitDir: string): RequestNote
  readonly sweeper: { sweep(noteFile: string): Promise<unknown> }
}

export type LongJobOptions = {
  /** Exit codes that are not a failure. Only 0 by default. */
  readonly okCodes?: readonly number[]
  /** When it is aborted, the job is ended and throws the signal's reason. */
  readonly signal: AbortSignal
  /** The repository in which git may leave temporary packs if it is killed. They are removed then. */
  readonly repacks?: string
  /** The repository in which git may leave temporary packs, and locks of references, if it is killed. They are removed then. */
  readonly fetches?: string
  /** Gets what git writes to standard error, as it comes. */
  readonly onWords?: (chunk: Buffer) => void
  /** git's standard input. Empty by default. Destroyed at the job's end. */
  readonly input?: Readable
  /**
   * Gets all of git's standard output, as it comes, and none of it is kept. git waits while it returns a promise. If it
   * throws, the job is ended.
   */
  readonly onOutput?: (chunk: Buffer) => void | Promise<void>
}

export type LongJobResult = {
  readonly code: number
  /** The beginning of git's standard output, at most 256 KiB. */
  readonly output: string
}

/**
 * @throws {JobError} where git fails, the signal's reason, or a {Refusal} where there is no worker or the wait for a slot
 *   was too long
 */
export type RunLongJob = (args: readonly string[], options: LongJobOptions) => Promise<LongJobResult>

export type LongJobServices = {
  readonly pool: Pool
  readonly git: GitOptions
  readonly lane: Lane
  readonly spawnLog: SpawnLog
  readonly notes: JobNotes
}

/**
 * Runs git commands of the supervisor's own that may take as long as they take: gc, fsck, and copies of repositories. Each
 * is a worker's, as any job, and as nice. There is no deadline, and what git writes beyond a bound is dropped.
 */
export function longJobRunner({ pool, git, lane, spawnLog, notes }: LongJobServices): RunLongJob {
  return async (args, options) => {
    const { okCodes = [0], signal, onWords, onOutput } = options
    using _slot = await lane.admit(forItself, signal)
    await using held = new AsyncDisposableStack()
    const worker = await pool.lease(signal)
    // The note is removed after the worker's end: until then, it tells what the job may have left.
    const note = held.use(noteFor(worker, options, notes))
    held.use(worker)
    using _stopping = addAbortListener(signal, () => worker.stop())
    try {
      // The trace names the temporary packs of a repack.
      const traced = tracedTo(options.repacks === undefined ? undefined : note?.file, longJobCommand(git, args))
      const command = withWord(traced, worker.mark)
      worker.serve(spawnLog.begin(worker, command, undefined), graces, onWords)
      const feeding = feed(options.input, worker.stdin)
      const [output, report] = await Promise.all([beginningOf(worker.stdout, onOutput), worker.report, feeding])
      await checkEnd(args, worker, report, okCodes)
      return { code: report.code ?? 0, output }
    } catch (error) {
      await sweepAfter(worker, note, notes)
      signal.throwIfAborted()
      throw workerRefusal(error) ?? error
    }
  }
}

function noteFor(
  { mark }: WorkerHandle,
  { repacks, fetches }: LongJobOptions,
  notes: JobNotes,
): RequestNote | undefined {
  if (repacks !== undefined) return notes.noteRepack(mark, repacks)
  return fetches === undefined ? undefined : notes.noteFetch(mark, fetches)
}

/** When no process of a job lives that failed, removes what it has left. */
async function sweepAfter(worker: WorkerHandle, note: RequestNote | undefined, { sweeper }: JobNotes): Promise<void> {
  if (note?.file === undefined) return
  worker.stop()
  await worker.gone
  // What cannot be removed now is tried again later.
  await sweeper.sweep(note.file).catch(() => {})
}

/** git may end without reading all of its input. */
async function feed(input: Readable | undefined, stdin: Writable): Promise<void> {
  try {
    if (input) await pump(input, stdin, () => {})
  } finally {
    input?.destroy()
    stdin.end()
  }
}

async function beginningOf(stdout: Readable, onOutput?: LongJobOptions['onOutput']): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    if (onOutput) await onOutput(chunk)
    else if (bytes < maxOutputBytes) chunks.push(chunk.subarray(0, maxOutputBytes - bytes))
    bytes += chunk.length
  }
  return Buffer.concat(chunks).toString()
}
