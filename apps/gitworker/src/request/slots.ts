import type { Claim } from '@sluice/shared/admission/fair-queue'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { ReadAheadBudget } from '../body/read-ahead.ts'
import type { RequestBody } from '../body/request-body.ts'
import { laneOf } from '../capacity/admission.ts'
import type { Admission, LaneName } from '../capacity/admission.ts'
import type { GitCall } from './git-call.ts'

/*
 * A slot is the right to run one git. Only disposal gives it back, and it is always disposed of after the git that runs
 * in it:
 *
 *   a push    by the scope of `Pushes.#run`: git is gone, and the files that it left have been removed
 *   a read    by the stack of a `GitProducer`: git is gone, whatever its readers do
 */

/**
 * While a request is queued, its idle time-out is this much longer than the queue's, so that the queue's comes first.
 */
const marginMs = 1000

export type SlotServices = {
  readonly admission: Admission
  readonly readAhead: ReadAheadBudget
  /** Milliseconds without a byte in either direction. */
  readonly idleTimeout: number
  /** Milliseconds for which git may work without writing anything. */
  readonly silentGitTimeout: number
}

/** What a slot is for. */
export type SlotClaim = {
  readonly lane: LaneName
  readonly claim: Claim
  /** Undefined for an advertisement. */
  readonly body: RequestBody | undefined
}

export class Slots {
  readonly #services: SlotServices

  constructor(services: SlotServices) {
    this.#services = services
  }

  /**
   * Waits for a slot for one request.
   *
   * @throws {Refusal} `queue_full`, `queue_timeout`, or the reason why the exchange ended
   */
  async waitFor({ exchange, request, claim, record }: GitCall, body: RequestBody): Promise<Disposable> {
    const lane = laneOf(request)
    record.phase = 'queued'
    using _idleLimit = this.extendIdleLimit(exchange, lane)
    const slot = await this.take({ lane, claim, body }, exchange.signal)
    record.phase = 'starting'
    return slot
  }

  /** Waits for a slot. @throws {Refusal} `queue_full`, `queue_timeout`, or the signal's reason */
  async take({ lane, claim, body }: SlotClaim, signal: AbortSignal): Promise<Disposable> {
    const { admission, readAhead } = this.#services
    // Node notices that a client has left only while little of its body is unread, so the body is read ahead.
    using _ahead = body?.readAhead(readAhead)
    return await admission.admit(lane, claim, signal)
  }

  /** Keeps an exchange from timing out as idle while it waits for a slot, until disposed of. */
  extendIdleLimit(exchange: Exchange, lane: LaneName): Disposable {
    const { idleTimeout, silentGitTimeout } = this.#services
    exchange.limitIdleness(Math.max(idleTimeout, this.queueTimeout(lane) + marginMs))
    return { [Symbol.dispose]: () => exchange.limitIdleness(idleTimeout, silentGitTimeout) }
  }

  /** Milliseconds. */
  queueTimeout(lane: LaneName): number {
    return this.#services.admission.lanes[lane].limits.queueTimeout
  }
}
