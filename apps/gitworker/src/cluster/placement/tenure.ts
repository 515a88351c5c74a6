import { setTimeout as pause } from 'node:timers/promises'
import type { Lease } from '@sluice/shared/coordinator/coordinator'
import { Refusal } from '@sluice/shared/refusal/refusal'

/** A lease that is not surely live may still be: the coordinator is away, or chooses a leader. Milliseconds. */
const longestDoubtMs = 10_000
const lookEveryMs = 25

const movedBefore =
  'The repository moves to another host, and this push was not begun. Nothing was changed: please push again.'

/**
 * A push's hold on its slot: this host was the primary when it began, in a term, under a lease. Another host can be the
 * primary only after this lease has ended, or after this host has handed the slot over, which waits for the push.
 *
 * A lease that was in doubt and is renewed has never ended, so a push under it is as good as before. One that has ended
 * never comes back, even if this host is the primary again under another one.
 */
export class Tenure implements Disposable {
  readonly term: number
  readonly #lease: Lease
  readonly #isPrimary: () => boolean
  readonly #hold: Disposable

  constructor(term: number, lease: Lease, isPrimary: () => boolean, hold: Disposable) {
    this.term = term
    this.#lease = lease
    this.#isPrimary = isPrimary
    this.#hold = hold
  }

  /** Whether this host is surely the primary still. */
  get isLive(): boolean {
    return this.#lease.isLive && this.#isPrimary()
  }

  /** To be called before git is started, when a push has waited for its turn. @throws {Refusal} `term_over` */
  async begin(signal: AbortSignal): Promise<void> {
    await this.#untilLive(signal, movedBefore)
  }

  /** To be called right before a push is acknowledged. @throws {Refusal} `term_over`: it must not be acknowledged */
  async confirm(signal: AbortSignal): Promise<void> {
    await this.#untilLive(signal)
  }

  /** Where the lease is in doubt, waits until it is not. */
  async #untilLive(signal: AbortSignal, sentence?: string): Promise<void> {
    const since = performance.now()
    while (!this.isLive) {
      const isHopeless = this.#lease.ended.aborted || !this.#isPrimary()
      if (isHopeless || performance.now() - since > longestDoubtMs) {
        throw new Refusal('term_over', sentence === undefined ? {} : { sentence })
      }
      signal.throwIfAborted()
      await pause(lookEveryMs)
    }
  }

  [Symbol.dispose](): void {
    this.#hold[Symbol.dispose]()
  }
}
