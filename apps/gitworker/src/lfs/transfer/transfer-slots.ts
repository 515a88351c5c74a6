import type { BodyReader } from '@sluice/shared/exchange/body-reader'
import { readAhead } from '../../body/read-ahead.ts'
import type { ReadAheadBudget } from '../../body/read-ahead.ts'
import type { Admission } from '../../capacity/admission.ts'
import type { LfsCall } from '../call/lfs-call.ts'

/** While a transfer is queued, its idle time-out is this much longer than the queue's, so that the queue's comes first. */
const marginMs = 1000

export type TransferSlotServices = {
  readonly admission: Admission
  readonly readAhead: ReadAheadBudget
  /** Milliseconds without a byte in either direction. */
  readonly idleTimeout: number
}

/** A slot is the right to move one object. It is held until the object's file is closed. */
export class TransferSlots {
  readonly #services: TransferSlotServices

  constructor(services: TransferSlotServices) {
    this.#services = services
  }

  /**
   * @param body of an upload
   * @throws {Refusal} `queue_full`, `queue_timeout`, or the reason why the exchange ended
   */
  async waitFor({ exchange, claim, record }: LfsCall, body?: BodyReader): Promise<Disposable> {
    const { admission, readAhead: budget, idleTimeout } = this.#services
    record.phase = 'queued'
    const { queueTimeout } = admission.lanes.lfs.limits
    exchange.limitIdleness(Math.max(idleTimeout, queueTimeout + marginMs))
    // Node notices that a client has left only while little of its body is unread, so the body is read ahead.
    using _ahead = body && readAhead(body, budget)
    const slot = await admission.admit('lfs', claim, exchange.signal)
    exchange.limitIdleness(idleTimeout)
    record.phase = 'serving'
    return slot
  }
}
