import type { Claim } from '@sluice/shared/admission/fair-queue'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { ReadAheadBudget } from '../body/read-ahead.ts'
import type { RequestBody } from '../body/request-body.ts'
import { laneOf } from '../capacity/admission.ts'
import type { Admission, LaneName } from '../capacity/admission.ts'
import type { GitCall } from './git-call.ts'

/*
 * A slot stands for the git of one request. Whoever waits for it holds it with `using`, or puts it into the stack of what
 * it is for, in front of the git that is started in it. So it is given back after everything else in that scope has been
 * disposed of, and there is no other way to give one back:
 *
 *   a push    the scope of `Pushes.#run`: git is gone, and what it may have left has been removed
 *   a read    the stack of a `GitProducer`: git is gone, whatever its readers do
 */

/** How much later than the queue's own time-out a connection counts as idle, so that the queue's comes first. */
const marginMs = 1000

export type SlotServices = {
  readonly admission: Admission
  readonly readAhead: ReadAheadBudget
  /** Milliseconds without a byte in either direction. */
  readonly idleTimeout: number
  /** Milliseconds for which git may work without writing anything. */
  readonly silentGitTimeout: number
}

/** What a slot is asked for. */
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

  /** Waits for a slot on behalf of one request. @throws {Refusal} `queue_full`, `queue_timeout`, or the exchange's end */
  async waitFor({ exchange, request, claim, record }: GitCall, body: RequestBody): Promise<Disposable> {
    const lane = laneOf(request)
    record.phase = 'queued'
    using _patience = this.patienceWith(exchange, lane)
    const slot = await this.take({ lane, claim, body }, exchange.signal)
    record.phase = 'starting'
    return slot
  }

  /** Waits for a slot. @throws {Refusal} `queue_full`, `queue_timeout`, or the signal's reason */
  async take({ lane, claim, body }: SlotClaim, signal: AbortSignal): Promise<Disposable> {
    const { admission, readAhead } = this.#services
    // The departure of a client is noticed only while little of what it has sent is unread, so the body is read on.
    using _ahead = body?.readAhead(readAhead)
    return await admission.admit(lane, claim, signal)
  }

  /** Keeps an exchange from being ended as idle while it waits for a slot. */
  patienceWith(exchange: Exchange, lane: LaneName): Disposable {
    const { idleTimeout, silentGitTimeout } = this.#services
    exchange.limitIdleness(Math.max(idleTimeout, this.queueTimeout(lane) + marginMs))
    return { [Symbol.dispose]: () => exchange.limitIdleness(idleTimeout, silentGitTimeout) }
  }

  /** Milliseconds. */
  queueTimeout(lane: LaneName): number {
    return this.#services.admission.lanes[lane].limits.queueTimeout
  }
}
