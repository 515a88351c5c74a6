import { errnoOf } from '@sluice/shared/machine/errno'
import type { ToldSlot } from '@sluice/shared/placement/told-slot'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Miss } from '../hosts/placement.ts'

/** An attempt at a host that brought no answer. */
export class Unanswered extends Error implements Miss {
  override readonly name = 'Unanswered'
  readonly how: Miss['how']
  readonly told: ToldSlot | undefined

  constructor(how: Miss['how'], cause?: Error, told?: ToldSlot) {
    super(`The host did not answer: ${how}.`, { cause })
    this.how = how
    this.told = told
  }

  /** Whether the host has certainly done nothing. */
  get isUntouched(): boolean {
    return this.how === 'not begun' || this.how === 'misplaced'
  }

  /** Whether waiting may help. It does not help against a wrong certificate, or a socket without permission. */
  get mayPass(): boolean {
    return this.cause === undefined || this.how !== 'not begun' || passing.has(errnoOf(this.cause))
  }

  /** @param mayBeTriedAgain whether the client may send the same request again without doing anything twice */
  asRefusal(mayBeTriedAgain: boolean): Refusal {
    if (this.cause instanceof Refusal) return this.cause
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
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
])
