import { addAbortListener } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Lane } from '@sluice/shared/admission/lane'
import { longJobCommand, syncedJobCommand, tracedTo } from '../git/command.ts'
import type { GitOptions } from '../git/command.ts'
import { checkEnd, forItself } from '../process/job/job.ts'
import type { JobNotes } from '../process/job/long-job.ts'
import type { Pool } from '../process/pool.ts'
import { withWord } from '../process/request-processes.ts'
import type { SpawnLog } from '../process/spawn-log.ts'
import { workerRefusal } from '../process/worker-handle.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'
import { isWrittenInOrder } from '../repository/written-in-order.ts'

/** git removes its temporary packs at SIGTERM. */
const graces = { term: 0, kill: 5000, drain: false }

/** A git of ours whose input and output are streams. Disposing of it ends it, and removes what it has left. */
export type RunningGit = AsyncDisposable & {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly worker: WorkerHandle
}

export type GitStreamOptions = {
  /** When it is aborted, git is ended. */
  readonly signal: AbortSignal
  /**
   * The repository in which git may leave half a pack or object if it is killed, or the disk is full. They are removed.
   * What git has changed there is on the disk only when that has been synced.
   */
  readonly writesTo?: string
  /** Gets what git writes to standard error, as it comes. */
  readonly onWords?: (chunk: Buffer) => void
}

/** @throws {Refusal} where there is no worker or the wait for a slot was too long, or the signal's reason */
export type StartGit = (args: readonly string[], options: GitStreamOptions) => Promise<RunningGit>

export type GitStreamServices = {
  readonly pool: Pick<Pool, 'lease'>
  readonly git: GitOptions
  /** A lane of its own: a slot in it is never held while something waits for another host's push. */
  readonly lane: Lane
  readonly spawnLog: Pick<SpawnLog, 'begin'>
  readonly notes: JobNotes
}

/** Starts git commands of the supervisor's own whose input or output is a stream: each is a worker's, as any other. */
export function gitStreams({ pool, git, lane, spawnLog, notes }: GitStreamServices): StartGit {
  return async (args, { signal, writesTo, onWords }) => {
    const isWrittenOut = writesTo !== undefined && (await isWrittenInOrder(writesTo))
    await using held = new AsyncDisposableStack()
    held.use(await lane.admit(forItself, signal))
    const worker = await pool.lease(signal)
    // The note is removed after the worker's end: until then, it tells what git may have left.
    const note = writesTo === undefined ? undefined : held.use(notes.noteRepack(worker.mark, writesTo))
    let hasEndedWell = false
    held.defer(async () => {
      // What cannot be removed now is tried again later.
      if (note?.file !== undefined && !hasEndedWell) await notes.sweeper.sweep(note.file).catch(() => {})
    })
    held.use(worker)
    held.use(addAbortListener(signal, () => worker.stop()))
    worker.report.then(
      ({ code }) => void (hasEndedWell = code === 0 && !worker.signalled),
      () => {},
    )
    worker.stdin.on('error', () => {})
    const job = isWrittenOut ? syncedJobCommand(git, args) : longJobCommand(git, args)
    const command = withWord(tracedTo(note?.file, job), worker.mark)
    worker.serve(spawnLog.begin(worker, command, undefined), graces, onWords)
    const parts = held.move()
    const { stdin, stdout } = worker
    return { stdin, stdout, worker, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  }
}

/** Waits for git's end. @throws {JobError} with git's words where it failed, {Refusal} where its worker was lost */
export async function endedWell({ worker }: RunningGit, name: string): Promise<void> {
  try {
    await checkEnd([name], worker, await worker.report, [0])
  } catch (error) {
    throw workerRefusal(error) ?? error
  }
}
