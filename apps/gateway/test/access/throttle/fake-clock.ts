import type { Clock } from '../../../src/access/throttle/login-gate.ts'

type Sleeper = { readonly at: number; readonly wake: () => void }

/** A clock whose time passes only when everybody waits for it. */
export class FakeClock implements Clock {
  #now = 0
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return this.#now
  }

  async wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sleeper = { at: this.#now + milliseconds, wake: resolve }
    this.#sleepers.add(sleeper)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    await promise.finally(() => this.#sleepers.delete(sleeper))
  }

  /** Lets so much time pass, and wakes one sleeper after the other. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    for (;;) {
      await settled()
      const next = [...this.#sleepers].reduce<Sleeper | undefined>((a, b) => (a && a.at <= b.at ? a : b), undefined)
      if (next === undefined || next.at > end) break
      this.#now = Math.max(this.#now, next.at)
      // All sleepers of one moment wake together.
      for (const sleeper of this.#sleepers) {
        if (sleeper.at > this.#now) continue
        this.#sleepers.delete(sleeper)
        sleeper.wake()
      }
    }
    this.#now = end
  }
}

/** Resolves when everything that can go on has done so. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}
