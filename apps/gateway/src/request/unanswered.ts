import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'

/**
 * An attempt at a host that brought no answer.
 *
 * `not begun`: the host has certainly done nothing. There was no connection to send the request over, or the host has said so.
 * `broke off`: the request was sent over a connection that then broke. The host may have done any part of it.
 */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
  readonly how: 'not begun' | 'broke off'

  constructor(how: 'not begun' | 'broke off', cause?: Error) {
    super(`The host did not answer: ${how}.`, { cause })
    this.how = how
  }

  /** Whether waiting may help: a wrong certificate, or a socket that may not be used, stays as it is. */
  get mayPass(): boolean {
    return this.cause === undefined || this.how === 'broke off' || passing.has(errnoOf(this.cause))
  }

  /** What the client is told. @param mayBeTriedAgain whether the client may send the same again */
  asRefusal(mayBeTriedAgain: boolean): Refusal {
    return new Refusal(mayBeTriedAgain ? 'host_unreachable' : 'host_failed', { cause: this.cause ?? this })
  }
}

/** What a connection fails with while a host restarts, is moved, or gets a new name (connect(2), getaddrinfo(3)). */
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
