import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { WorkerStartError } from './worker-handle.ts'
import type { WorkerHandle } from './worker-handle.ts'
import { WorkerQueue } from './worker-queue.ts'
import { WorkerStarts } from './worker-starts.ts'
import type { StartOptions } from './worker-starts.ts'

/*
 * The pool keeps some workers idle. Each is leased once, and a replacement is started at the same time.
 *
 *   worker-starts ──ready──▶ idle ──lease──▶ leased ──▶ gone
 *                      └── somebody waits (worker-queue) ──▲
 *
 * While workers cannot be started, those who wait are refused.
 */

/** An idle worker is replaced after this time, so that none grows old with the memory of the host at its start. */
const maxIdleAgeMs = 10 * 60_000
const cullEveryMs = 30_000

export type WorkerCounts = Readonly<Record<'starting' | 'idle' | 'serving' | 'draining' | 'stopping', number>>

export type PoolOptions = StartOptions & {
  /** How many workers are kept idle or starting, beyond those that serve. */
  readonly warm: number
}

export class Pool implements AsyncDisposable {
  readonly #starts: WorkerStarts
  readonly #queue = new WorkerQueue()
  readonly #idle: WorkerHandle[] = []
  readonly #leased = new Set<WorkerHandle>()
  readonly #culling: NodeJS.Timeout
  #isClosed = false
  #isGitFailing = false

  constructor(options: PoolOptions, log: Logger) {
    const startsFor = {
      wanted: () => options.warm + this.#queue.length,
      idle: () => this.#idle.length,
      onReady: (worker: WorkerHandle) => this.#welcome(worker),
      // Those who wait for one of the others that are starting may still get it.
      onFailure: (cause: unknown, starting: number) =>
        this.#queue.refuse(() => new Refusal('no_worker', { cause }), starting),
    }
    this.#starts = new WorkerStarts(options, startsFor, log)
    this.#culling = setInterval(() => this.#cull(), cullEveryMs)
    this.#culling.unref()
    this.#starts.fill()
  }

  /** How many workers are in each state. */
  get counts(): WorkerCounts {
    const counts = { starting: this.#starts.count, idle: 0, serving: 0, draining: 0, stopping: 0 }
    for (const { state } of this.#idle) counts[state === 'idle' ? 'idle' : 'stopping']++
    // A leased worker that is still idle gets its command next.
    for (const { state } of this.#leased) counts[state === 'draining' || state === 'stopping' ? state : 'serving']++
    return counts
  }

  /** Whether the last attempt to start a worker failed. */
  get isFailing(): boolean {
    return this.#starts.isFailing
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
    if (this.#isClosed) throw new Refusal('draining')
    const idle = this.#takeIdle()
    if (!idle) return await this.#nextReady(signal)
    this.#markLeased(idle)
    // Not now: this worker's request comes first.
    this.#starts.fillSoon()
    return idle
  }

  /** Ends all workers, those that serve included. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#culling)
    this.#queue.refuse(() => new Refusal('draining'))
    const workers = [this.#starts, ...this.#idle, ...this.#leased]
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))
  }

  #takeIdle(): WorkerHandle | undefined {
    for (;;) {
      const worker = this.#idle.shift()
      if (!worker || worker.state === 'idle') return worker
    }
  }

  async #nextReady(signal: AbortSignal | undefined): Promise<WorkerHandle> {
    if (this.isFailing) throw new Refusal('no_worker')
    const next = this.#queue.wait(signal)
    this.#starts.fill()
    return await next
  }

  #welcome(worker: WorkerHandle): void {
    if (this.#queue.length > 0) {
      this.#markLeased(worker)
      this.#queue.give(worker)
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
    this.#starts.fill()
  }

  #cull(): void {
    const now = performance.now()
    for (const worker of this.#idle.filter((idle) => now - idle.startedAt > maxIdleAgeMs)) worker.stop()
  }
}
