import { addAbortListener } from 'node:events'
import type { WorkerHandle } from './worker-handle.ts'

type Waiter = { readonly give: (worker: WorkerHandle) => void; readonly refuse: (reason: unknown) => void }

/** Requests that wait for a worker, in the order in which they came. */
export class WorkerQueue {
  readonly #waiters = new Set<Waiter>()

  get length(): number {
    return this.#waiters.size
  }

  /** @throws the reason of `refuse`, or the signal's */
  async wait(signal: AbortSignal | undefined): Promise<WorkerHandle> {
    const { promise, resolve, reject } = Promise.withResolvers<WorkerHandle>()
    const waiter: Waiter = { give: resolve, refuse: reject }
    const leave = () => {
      this.#waiters.delete(waiter)
      reject(signal?.reason)
    }
    using _leaving = signal && addAbortListener(signal, leave)
    this.#waiters.add(waiter)
    try {
      return await promise
    } finally {
      this.#waiters.delete(waiter)
    }
  }

  /** Gives a worker to the first in the queue, if there is one. */
  give(worker: WorkerHandle): void {
    const [first] = this.#waiters
    if (!first) return
    this.#waiters.delete(first)
    first.give(worker)
  }

  /** Refuses all but the first `spared`. @param reason makes one for each */
  refuse(reason: () => unknown, spared = 0): void {
    for (const waiter of [...this.#waiters].slice(spared)) {
      this.#waiters.delete(waiter)
      waiter.refuse(reason())
    }
  }
}
