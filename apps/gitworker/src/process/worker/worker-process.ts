import type { Readable, Writable } from 'node:stream'
import type { WorkerStartError } from '../worker-handle.ts'
import type { FromWorker, ToWorker } from '../worker-message.ts'

/** What the owner of a worker's process is told. */
export type WorkerEvents = {
  /** @param message undefined for one that is not in the protocol */
  onMessage(message: FromWorker | undefined): void
  /** There is no process, and there will be none. */
  onNotStarted(error: WorkerStartError): void
  /** The process has ended, and all that it said has been heard. */
  onEnded(): void
}

/** The process of a worker, its streams and its message channel. What becomes of it is its owner's to say. */
export type WorkerProcess = {
  /** Undefined if there is none, or none yet. */
  readonly pid: number | undefined
  /** git's. May be asked for once the worker is ready, as the other streams. */
  readonly stdin: Writable
  readonly stdout: Readable
  /** How many bytes of git's standard output have been read. */
  readonly outputBytes: number
  /** Whether it has said at its end that nothing of its request lives. */
  readonly hasEndedWell: boolean
  lastWords(): Promise<string>
  /** Hands on what git writes to standard error, as it comes. To be called before it serves. */
  watchWords(onWords: (chunk: Buffer) => void): void
  /** A worker that has just ended cannot be told anything; its end is on the way. */
  tell(message: ToWorker): void
  /** @param isDrained whether git may go on to write, for nobody */
  closePipes(isDrained: boolean): void
  /** Lets the worker go on if it has been stopped, as by SIGSTOP. */
  wakeIfStopped(): void
  /** Kills the worker alone. */
  kill(): void
  /** Kills the worker and its group. */
  killGroup(): void
  /** To be called when it has ended and nothing of its request lives. Resolves when its pid may be another process's. */
  release(): Promise<void>
}

/** Starts a process that tells its owner what happens to it. May throw WorkerStartError. */
export type StartWorkerProcess = (events: WorkerEvents) => WorkerProcess
