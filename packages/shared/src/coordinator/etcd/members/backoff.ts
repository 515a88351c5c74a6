import { setTimeout } from 'node:timers/promises'

const firstMs = 100

/** Waits longer each time, and never as long as others do. */
export class Backoff {
  readonly #mostMs: number
  #nextMs = firstMs

  /** @param mostMs what it waits at most */
  constructor(mostMs: number) {
    this.#mostMs = mostMs
  }

  /** Waits. Returns at once when the signal is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    const waitMs = this.#nextMs * (0.5 + Math.random() / 2)
    this.#nextMs = Math.min(2 * this.#nextMs, this.#mostMs)
    await setTimeout(waitMs, undefined, { signal }).catch(() => undefined)
  }

  reset(): void {
    this.#nextMs = firstMs
  }
}
