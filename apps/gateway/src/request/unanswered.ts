import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'

/**
 * An attempt at a host that brought no answer.
 *
 * `not begun`: the host has certainly done nothing. There was no connection, or the host has said so.
 * `broke off`: the connection broke after the request was sent. The host may have done any part of it.
 */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
  readonly how: 'not begun' | 'broke off'

  constructor(how: 'not begun' | 'broke off', cause?: Error) {
    super(`The host did not answer: ${how}.`, { cause })
    this.how = how
  }

  /** Whether waiting may help. It does not help against a wrong certificate, or a socket without permission. */
  get mayPass(): boolean {
    return this.cause === undefined || this.how === 'broke off' || passing.has(errnoOf(this.cause))
  }

  /** @param mayBeTriedAgain whether the client may send the same request again without doing anything twice */
  asRefusal(mayBeTriedAgain: boolean): Refusal {
    return new Refusal(mayBeTriedAgain ? 'host_unreachable' : 'host_failed', { cause: this.cause ?? this })
  }
}

/** Errors of a connection while a host restarts, is moved, or gets a new name (connect(2), getaddrinfo(3)). */
const passing: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOENT',
  'EAGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
])
