import { randomBytes } from 'node:crypto'

/*
 * Ids of events are UUIDs of version 7 (RFC 9562, section 5.7), each greater than the one before, also where the clock
 * goes back. Method 1 of section 6.2: after the milliseconds comes a counter.
 */

const form = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

const counterBits = 12n

export function isEventId(text: string): boolean {
  return form.test(text)
}

/** Makes ids that are greater than all before them. */
export class EventIds {
  /** Milliseconds, followed by the counter. */
  #last: bigint

  /** @param after the last id of an earlier process; undefined: there was none */
  constructor(after?: string) {
    this.#last = after === undefined ? 0n : stampOf(after)
  }

  next(now = Date.now()): string {
    const stamp = BigInt(now) << counterBits
    this.#last = stamp > this.#last ? stamp : this.#last + 1n
    const milliseconds = (this.#last >> counterBits).toString(16).padStart(12, '0')
    const counter = (this.#last & 0xfffn).toString(16).padStart(3, '0')
    const random = randomBytes(8)
    random[0] = (random[0]! & 0x3f) | 0x80
    const rest = random.toString('hex')
    return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7${counter}-${rest.slice(0, 4)}-${rest.slice(4)}`
  }
}

function stampOf(id: string): bigint {
  return BigInt(`0x${id.slice(0, 8)}${id.slice(9, 13)}${id.slice(15, 18)}`)
}
