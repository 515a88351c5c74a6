import { Refusal } from '@sluice/shared/refusal/refusal'
import { orAborted } from '@sluice/shared/machine/race'

/** Where time comes from. Milliseconds. */
export type Clock = {
  now(): number
  /** @throws where the signal fires first */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

/**
 * Lets attempts through one after the other, with a pause between two of them. If the last attempt is longer ago than
 * the pause, the next one does not wait. An attempt that leaves the line makes it shorter.
 */
export class LoginGate {
  readonly #clock: Clock
  readonly #line: symbol[] = []
  #lastAt = -Infinity
  #moved = Promise.withResolvers<void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param pause milliseconds between this attempt and the one before
   * @param most how many may wait in the line
   * @throws {Refusal} `too_many_logins`
   * @throws the signal's reason
   */
  async pass(pause: number, most: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#line.length >= most) throw tooMany((this.#line.length + 1) * pause)
    const ticket = Symbol('ticket')
    this.#line.push(ticket)
    try {
      while (this.#line[0] !== ticket) await orAborted(this.#moved.promise, signal)
      const rest = this.#lastAt + pause - this.#clock.now()
      if (rest > 0) await this.#clock.wait(rest, signal)
      signal.throwIfAborted()
      this.#lastAt = this.#clock.now()
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      this.#line.splice(this.#line.indexOf(ticket), 1)
      this.#moved.resolve()
      this.#moved = Promise.withResolvers()
    }
  }
}

function tooMany(milliseconds: number): Refusal {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000))
  return new Refusal('too_many_logins', { headers: { 'Retry-After': String(seconds) } })
}
