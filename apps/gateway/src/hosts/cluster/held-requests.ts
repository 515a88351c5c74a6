import { addAbortListener } from 'node:events'

/*
 * Requests that no host can be sent at the moment: their slot has no primary, or none of its hosts answers. Each looks again
 * when its slot has changed, when hosts have come or gone, and every now and then.
 */

/** How many requests may be held, and how much memory they may hold: up to 64 KiB of a body each. */
const mostHeld = 4096
const mostBytes = 64 * 2 ** 20

const lookEveryMs = 250

export type Holding<T> = {
  readonly slot: number
  /** Milliseconds for which it may be held. */
  readonly withinMs: number
  /** How much memory the request holds. */
  readonly bytes: number
  readonly signal: AbortSignal
  /** Gives what is waited for, undefined where it is not there yet. What it throws ends the wait. */
  readonly look: () => T | undefined
  /** The reason for not waiting any longer, or not at all. */
  readonly inVain: () => Error
}

type Waiter = { readonly slot: number; readonly wake: () => void }

export class HeldRequests {
  /** In the order of their arrival. */
  readonly #waiters = new Set<Waiter>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  get size(): number {
    return this.#waiters.size
  }

  /** @throws what `look` or `inVain` gives, or the signal's reason */
  async hold<T>({ slot, withinMs, bytes, signal, look, inVain }: Holding<T>): Promise<T> {
    signal.throwIfAborted()
    if (withinMs <= 0 || this.#waiters.size >= mostHeld || this.#bytes + bytes > mostBytes) throw inVain()
    const found = look()
    if (found !== undefined) return found
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const wake = () => {
      try {
        const now = look()
        if (now !== undefined) end(() => resolve(now))
      } catch (error) {
        end(() => reject(error))
      }
    }
    const waiter = { slot, wake }
    const end = (settle: () => void) => {
      if (this.#waiters.delete(waiter)) settle()
    }
    const timer = setTimeout(() => end(() => reject(inVain())), withinMs)
    using _leaving = addAbortListener(signal, () => end(() => reject(signal.reason as Error)))
    this.#bytes += bytes
    this.#add(waiter)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#bytes -= bytes
      if (this.#waiters.size === 0) this.#stopLooking()
    }
  }

  /** To be called when a slot has changed. */
  wake(slot: number): void {
    if (this.#waiters.size === 0) return
    for (const waiter of this.#waiters) if (waiter.slot === slot) waiter.wake()
  }

  /** To be called when what is true of many slots has changed. */
  wakeAll(): void {
    for (const { wake } of this.#waiters) wake()
  }

  #add(waiter: Waiter): void {
    this.#waiters.add(waiter)
    this.#timer ??= setInterval(() => this.wakeAll(), lookEveryMs).unref()
  }

  #stopLooking(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
