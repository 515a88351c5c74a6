import type { Readable, Writable } from 'node:stream'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { GitCommand } from '../git/command.ts'
import type { RequestMark } from './request-processes.ts'
import type { GitReport, Graces, Leftover } from './worker-message.ts'

/*
 * A worker, seen from the supervisor: a process that runs one git command and is gone. This is what the pool and those
 * who lease a worker know of it. How the process is started and spoken to is in `spawn/`.
 *
 *   starting ──ready──▶ idle ──serve──▶ serving ──git exited──▶ draining ──process gone──▶ gone
 *      │                  │                │ stop                   │ stop                  ▲
 *      └──── stop ────────┴────────────────┴───────▶ stopping ◀─────┘ ──process gone────────┘
 *
 *   starting   The process has been started and has not said that it is ready.
 *   idle       It is ready. `serve` may be called, once.
 *   serving    git runs.
 *   draining   git has exited. What it may have left behind is being ended.
 *   stopping   Everything of the request is being ended.
 *   gone       No process of the request lives. This is the only state of which that can be said.
 */

export type WorkerState = 'starting' | 'idle' | 'serving' | 'draining' | 'stopping' | 'gone'

/** Disposing of a worker ends it, and resolves when nothing of its request lives. */
export type WorkerHandle = AsyncDisposable & {
  readonly state: WorkerState
  /** The worker's pid, which is also the number of its session and process group. Undefined if it could not be started. */
  readonly pid: number | undefined
  /** On the clock of `performance.now()`. */
  readonly startedAt: number
  /** Identifies the processes of its request. May be read once the worker is ready. */
  readonly mark: RequestMark

  /** Resolves when the worker may be leased. Rejects with WorkerStartError. */
  readonly ready: Promise<void>
  /** How git ended. Rejects with WorkerStartError or WorkerLostError. */
  readonly report: Promise<GitReport>
  /** Resolves when no process of this worker's request lives. Never rejects. */
  readonly gone: Promise<void>

  /** git's standard input. */
  readonly stdin: Writable
  /** git's standard output. */
  readonly stdout: Readable
  /** How many bytes of git's standard output have been read. */
  readonly outputBytes: number
  /** The last 64 KiB of git's standard error, and of the worker's own. To be called once git has exited. */
  lastWords(): Promise<string>

  /**
   * Runs git.
   *
   * @param onWords gets what git writes to standard error, as it comes
   * @throws {WorkerStartError} if the worker is not idle
   */
  serve(command: GitCommand, graces: Graces, onWords?: (chunk: Buffer) => void): void
  /** Closes git's input. From now on, its output goes to `onOutput` alone. */
  detach(onOutput: (chunk: Buffer) => void): void
  /**
   * Ends whatever runs: closes the pipes, then sends SIGTERM and SIGKILL after their graces. Calling it again does nothing.
   *
   * @param term milliseconds before SIGTERM, in place of the command's own grace
   */
  stop(term?: number): void

  /** Processes that outlived git, or escaped from a worker that was killed, and had to be ended: the first of them. */
  readonly leftovers: readonly Leftover[]
  /** The strongest signal that was needed to end what ran. */
  readonly signalled: 'SIGTERM' | 'SIGKILL' | undefined
  /** Milliseconds from `stop` to the first signal. */
  readonly signalledAfter: number | undefined
}

/** The worker could not be started, or could not start git. Where the system said why, the message has errno's name. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError'
}

/** The worker died before it could say how git ended. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError'
}

/** What a client is told about an error of a worker. Undefined for any other error. */
export function workerRefusal(error: unknown): Refusal | undefined {
  if (error instanceof WorkerStartError) return new Refusal('no_worker', { cause: error })
  if (error instanceof WorkerLostError) return new Refusal('worker_lost', { cause: error })
  return undefined
}
