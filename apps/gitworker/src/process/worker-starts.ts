import type { Logger } from '@sluice/shared/telemetry/log'
import type { WorkerHandle } from './worker-handle.ts'

/*
 * Starts the workers that the pool is missing. After a failure it pauses:
 *
 *   working ──a start fails──▶ pausing ──100 ms, doubled each time, at most 10 s──▶ trying: at least one is started
 *      ▲                          ▲                                                    │ │
 *      └──── a worker is ready ───┼────────────────────────────────────────────────────┘ │
 *                                 └──────────────── a start fails ───────────────────────┘
 */

const firstPauseMs = 100
const longestPauseMs = 10_000

export type StartOptions = {
  /** Starts a worker. May throw WorkerStartError. */
  startWorker(): WorkerHandle
  /** Is told of every start: after how many milliseconds the worker was ready, or undefined where it failed. */
  onStart?(milliseconds: number | undefined): void
}

/** Whom workers are started for. */
export type StartsFor = {
  /** How many workers are to be idle or starting. */
  wanted(): number
  /** How many are idle. */
  idle(): number
  onReady(worker: WorkerHandle): void
  /** @param starting how many others may still become ready */
  onFailure(error: unknown, starting: number): void
}

export class WorkerStarts implements AsyncDisposable {
  readonly #options: StartOptions
  readonly #pool: StartsFor
  readonly #log: Logger
  readonly #starting = new Set<WorkerHandle>()
  #pauseMs = 0
  #pause: NodeJS.Timeout | undefined
  #next: NodeJS.Immediate | undefined
  #isClosed = false

  constructor(options: StartOptions, pool: StartsFor, log: Logger) {
    this.#options = options
    this.#pool = pool
    this.#log = log
  }

  /** How many workers are starting. */
  get count(): number {
    return this.#starting.size
  }

  /** Whether the last attempt to start a worker failed. */
  get isFailing(): boolean {
    return this.#pauseMs > 0
  }

  /**
   * Starts the workers that are missing, one in each turn of the event loop: starting a process blocks for milliseconds,
   * in which nobody else is answered.
   *
   * @param least so many are to be idle or starting, even if fewer are wanted
   */
  fill(least = 0): void {
    if (this.#isClosed || this.#pause) return
    const missing = Math.max(this.#pool.wanted(), least) - this.#starting.size - this.#pool.idle()
    if (missing > 0) void this.#start()
    if (missing > 1) this.fillSoon()
  }

  /** The same, in the next turn. */
  fillSoon(): void {
    if (this.#next) return
    this.#next = setImmediate(() => {
      this.#next = undefined
      this.fill()
    })
  }

  /** Starts no more, and ends those that are starting. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#pause)
    await Promise.all([...this.#starting].map((worker) => worker[Symbol.asyncDispose]()))
  }

  async #start(): Promise<void> {
    let worker: WorkerHandle | undefined
    try {
      worker = this.#options.startWorker()
      this.#starting.add(worker)
      await worker.ready
      this.#options.onStart?.(performance.now() - worker.startedAt)
      this.#starting.delete(worker)
      this.#endPause()
      this.#pool.onReady(worker)
    } catch (error) {
      if (worker) this.#starting.delete(worker)
      if (this.#isClosed) return
      this.#options.onStart?.(undefined)
      this.#pool.onFailure(error, this.#starting.size)
      this.#beginPause(error)
    }
  }

  #beginPause(error: unknown): void {
    if (this.#pause) return
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, firstPauseMs), longestPauseMs)
    this.#log.error({ err: error, retryMs: this.#pauseMs }, 'a worker could not be started')
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      // At least one, to find out whether workers start again.
      this.fill(1)
      if (this.#starting.size === 0 && !this.#pause) this.#pauseMs = 0
    }, this.#pauseMs)
  }

  #endPause(): void {
    this.#pauseMs = 0
    if (!this.#pause) return
    clearTimeout(this.#pause)
    this.#pause = undefined
    this.fillSoon()
  }
}
