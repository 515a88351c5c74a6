import { addAbortListener } from 'node:events'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { WorkerHandle, WorkerStartError } from './worker-handle.ts'
import type { WorkerOptions } from './worker-handle.ts'

/*
 * The pool keeps some idle workers ready. Each is leased once:
 *
 *   lease ──▶ an idle worker, or the next one to become idle      at the same time: start its replacement
 *
 * When workers fail to start, those who wait are refused, and starting is tried again after a pause that doubles.
 */

const firstPauseMs = 100
const longestPauseMs = 10_000

/** An idle worker is replaced after this time, so that none grows old with the memory of the host at its start. */
const maxIdleAgeMs = 10 * 60_000
const cullEveryMs = 30_000

type Waiter = { readonly give: (worker: WorkerHandle) => void; readonly refuse: (reason: unknown) => void }

export type WorkerCounts = Readonly<Record<'starting' | 'idle' | 'serving' | 'draining' | 'stopping', number>>

export type PoolOptions = WorkerOptions & {
  /** How many workers are kept idle or starting, beyond those that serve. */
  readonly warm: number
  /** Is told of every start: after how many milliseconds the worker was ready, or undefined where it failed. */
  onStart?(milliseconds: number | undefined): void
}

export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions
  readonly #log: Logger
  readonly #starting = new Set<WorkerHandle>()
  readonly #idle: WorkerHandle[] = []
  readonly #leased = new Set<WorkerHandle>()
  readonly #waiters = new Set<Waiter>()
  readonly #culling: NodeJS.Timeout
  #pauseMs = 0
  #pause: NodeJS.Timeout | undefined
  #nextRefill: NodeJS.Immediate | undefined
  #closed = false
  #isGitFailing = false

  constructor(options: PoolOptions, log: Logger) {
    this.#options = options
    this.#log = log
    this.#culling = setInterval(() => this.#cull(), cullEveryMs)
    this.#culling.unref()
    this.#refill()
  }

  /** How many workers are in each state. */
  get counts(): WorkerCounts {
    const counts = { starting: this.#starting.size, idle: 0, serving: 0, draining: 0, stopping: 0 }
    for (const { state } of this.#idle) counts[state === 'idle' ? 'idle' : 'stopping']++
    // Leased and still idle: its command comes next.
    for (const { state } of this.#leased) counts[state === 'draining' || state === 'stopping' ? state : 'serving']++
    return counts
  }

  /** Whether the last attempt to start a worker failed. */
  get isFailing(): boolean {
    return this.#pauseMs > 0
  }

  /** Whether the last worker that was to start git could not. */
  get isGitFailing(): boolean {
    return this.#isGitFailing
  }

  /**
   * A worker for one command. Dispose of it: that ends the worker and resolves when nothing of it lives.
   *
   * @throws {Refusal} `no_worker` when workers cannot be started, `draining` when the pool is closed
   * @throws the signal's reason
   */
  async lease(signal?: AbortSignal): Promise<WorkerHandle> {
    signal?.throwIfAborted()
    if (this.#closed) throw new Refusal('draining')
    const idle = this.#takeIdle()
    if (!idle) return this.#nextReady(signal)
    this.#markLeased(idle)
    // Not now: this worker's request comes first.
    this.#refillSoon()
    return idle
  }

  /** Ends all workers, those that serve included. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearInterval(this.#culling)
    clearTimeout(this.#pause)
    for (const waiter of this.#waiters) waiter.refuse(new Refusal('draining'))
    const all = [...this.#starting, ...this.#idle, ...this.#leased]
    await Promise.all(all.map((worker) => worker[Symbol.asyncDispose]()))
  }

  #takeIdle(): WorkerHandle | undefined {
    for (;;) {
      const worker = this.#idle.shift()
      if (!worker || worker.state === 'idle') return worker
    }
  }

  async #nextReady(signal: AbortSignal | undefined): Promise<WorkerHandle> {
    if (this.isFailing) throw new Refusal('no_worker')
    const { promise, resolve, reject } = Promise.withResolvers<WorkerHandle>()
    const waiter: Waiter = { give: resolve, refuse: reject }
    const leave = () => {
      this.#waiters.delete(waiter)
      reject(signal?.reason)
    }
    using _leaving = signal && addAbortListener(signal, leave)
    this.#waiters.add(waiter)
    this.#refill()
    try {
      return await promise
    } finally {
      this.#waiters.delete(waiter)
    }
  }

  /**
   * Starts as many workers as are missing: one for each who waits, and the warm ones. One at a time: starting a process
   * blocks for milliseconds, in which nobody else is answered.
   */
  #refill(least = 0): void {
    if (this.#closed || this.#pause) return
    const wanted = Math.max(this.#options.warm + this.#waiters.size, least)
    const missing = wanted - this.#starting.size - this.#idle.length
    if (missing > 0) void this.#start()
    if (missing > 1) this.#refillSoon()
  }

  #refillSoon(): void {
    if (this.#nextRefill) return
    this.#nextRefill = setImmediate(() => {
      this.#nextRefill = undefined
      this.#refill()
    })
  }

  async #start(): Promise<void> {
    let worker: WorkerHandle | undefined
    try {
      worker = new WorkerHandle(this.#options)
      this.#starting.add(worker)
      await worker.ready
      this.#options.onStart?.(performance.now() - worker.startedAt)
      this.#starting.delete(worker)
      this.#endPause()
      this.#welcome(worker)
    } catch (error) {
      if (worker) this.#starting.delete(worker)
      if (this.#closed) return
      this.#options.onStart?.(undefined)
      this.#backOff(error)
    }
  }

  /** Workers start again. */
  #endPause(): void {
    this.#pauseMs = 0
    if (!this.#pause) return
    clearTimeout(this.#pause)
    this.#pause = undefined
    this.#refillSoon()
  }

  #welcome(worker: WorkerHandle): void {
    const [waiter] = this.#waiters
    if (waiter) {
      this.#waiters.delete(waiter)
      this.#markLeased(worker)
      waiter.give(worker)
      return
    }
    this.#idle.push(worker)
    void worker.gone.then(() => this.#forget(worker))
  }

  #markLeased(worker: WorkerHandle): void {
    this.#leased.add(worker)
    worker.report.then(
      () => (this.#isGitFailing = false),
      (error: unknown) => {
        if (error instanceof WorkerStartError) this.#isGitFailing = true
      },
    )
    void worker.gone.then(() => this.#leased.delete(worker))
  }

  #forget(worker: WorkerHandle): void {
    const index = this.#idle.indexOf(worker)
    if (index === -1) return
    this.#idle.splice(index, 1)
    this.#refill()
  }

  #backOff(error: unknown): void {
    // Those who wait for one of the others that are starting may still get it.
    const tooMany = [...this.#waiters].slice(this.#starting.size)
    for (const waiter of tooMany) {
      this.#waiters.delete(waiter)
      waiter.refuse(new Refusal('no_worker', { cause: error }))
    }
    if (this.#pause) return
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, firstPauseMs), longestPauseMs)
    this.#log.error({ err: error, retryMs: this.#pauseMs }, 'a worker could not be started')
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      // At least one, to find out whether they start again.
      this.#refill(1)
      if (this.#starting.size === 0 && !this.#pause) this.#pauseMs = 0
    }, this.#pauseMs)
  }

  #cull(): void {
    const now = performance.now()
    for (const worker of this.#idle.filter((idle) => now - idle.startedAt > maxIdleAgeMs)) worker.stop()
  }
}
