/*
 * Whether reads are sent to a host whose answers fail, while another copy could serve them.
 *
 *   closed ──failures in a row──▶ open ──its pause is over──▶ half open: one request is sent
 *     ▲                            ▲                             │            │
 *     │                            └──failed, a longer pause─────┘            │
 *     └────────────────────────────────────────────────────answered───────────┘
 *
 * This is about hosts that can be reached. host-presence.ts is about those that cannot.
 */

const failuresInARow = 5

/** Milliseconds: the first, and the longest. */
const firstPauseMs = 1000
const longestPauseMs = 30_000

export class Breaker {
  #failures = 0
  #pauseMs = firstPauseMs
  #openUntil = 0
  #isHalfOpen = false

  get isOpen(): boolean {
    return this.#failures >= failuresInARow
  }

  /** @param now milliseconds, by `performance.now()` @returns whether a request may be sent now */
  admits(now: number): boolean {
    return !this.isOpen || now >= this.#openUntil
  }

  /** To be called when a request is sent. A request that never ends does not keep the next one from being tried. */
  begin(now: number): void {
    if (!this.isOpen || now < this.#openUntil) return
    this.#isHalfOpen = true
    this.#openUntil = now + this.#pause()
  }

  failed(now: number): void {
    const wasOpen = this.isOpen
    this.#failures++
    // Others that were under way when it opened say nothing new.
    if (!this.isOpen || (wasOpen && !this.#isHalfOpen)) return
    if (wasOpen) this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs)
    this.#isHalfOpen = false
    this.#openUntil = now + this.#pause()
  }

  answered(): void {
    this.#failures = 0
    this.#pauseMs = firstPauseMs
    this.#isHalfOpen = false
  }

  /** Between half of the pause and all of it, so that gateways do not try all at once. */
  #pause(): number {
    return this.#pauseMs * (0.5 + Math.random() / 2)
  }
}
