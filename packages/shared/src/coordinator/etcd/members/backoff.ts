import { setTimeout } from 'node:timers/promises'

const firstMs = 100
const mostMs = 5000

/** Waits longer from time to time, and never as long as others do. */
export class Backoff {
  #nextMs = firstMs

  /** Waits. Returns at once when the signal is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    const waitMs = this.#nextMs * (0.5 + Math.random() / 2)
    this.#nextMs = Math.min(2 * this.#nextMs, mostMs)
    await setTimeout(waitMs, undefined, { signal }).catch(() => undefined)
  }

  reset(): void {
    this.#nextMs = firstMs
  }
}
