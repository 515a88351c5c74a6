import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { EventsStatus } from '../operations/host-status.ts'
import type { Attempt } from './delivery/deliver.ts'
import { DeliveryStatus } from './delivery/delivery-status.ts'
import type { Deliveries } from './delivery/deliveries.ts'
import { payloadOf, pingOf } from './delivery/payload.ts'
import type { Journal } from './journal/journal.ts'
import { readEvents } from './journal/read-records.ts'
import { segmentsIn } from './journal/segments.ts'
import { findEvent } from './listeners/find-event.ts'
import { isEventId } from './record/event-id.ts'
import type { Event } from './record/event.ts'

/** What operators ask about events, and do with them. */

export type ListedEvent = Event & {
  /** Receivers that have not taken it yet, and are still to be sent it. */
  readonly waiting: readonly string[]
  /** Receivers that have not taken it in all their time. */
  readonly failed: readonly string[]
}

export type FailedEvent = {
  readonly receiver: string
  readonly id: string
  readonly repository: string
  readonly attempts: number
  readonly parkedAt: string
  readonly why: string
}

export type ReceiverStatus = {
  readonly receiver: string
  readonly origin: string
  /** The oldest event that it has not taken, and that it is still sent; null where it has all. */
  readonly oldest: string | null
  /** How often that has failed. */
  readonly attempts: number
  /** How many events are no longer sent to it. */
  readonly failed: number
}

export type Sent = Attempt & { readonly receiver: string }

export type DeskServices = {
  readonly journal: Journal
  readonly deliveries: Deliveries
  readonly publicUrl: URL | undefined
  readonly nextId: () => string
  readonly log: Logger
}

export class EventsDesk {
  readonly #services: DeskServices
  readonly #status: DeliveryStatus

  constructor(services: DeskServices) {
    this.#services = services
    this.#status = new DeliveryStatus(services.journal, services.deliveries)
  }

  /** How receivers come along, in all. */
  async status(): Promise<EventsStatus> {
    return await this.#status.read()
  }

  /** The last events of the journal, from the oldest. @param most how many */
  async list(most: number): Promise<ListedEvent[]> {
    const { journal, deliveries } = this.#services
    let last: ListedEvent[] = []
    const segments = await segmentsIn(journal.folder)
    for (const { number } of segments.toReversed()) {
      const found: ListedEvent[] = []
      const end = number === journal.end.segment ? journal.end : { segment: number, offset: Infinity }
      for await (const { event, at } of readEvents(journal, { segment: number, offset: 0 }, end)) {
        const failing = deliveries.queues.filter(({ parked }) => parked.some(({ id }) => id === event.id))
        const waiting = deliveries.waitingFor(event, at).map(({ name }) => name)
        found.push({ ...event, waiting, failed: failing.map(({ name }) => name) })
        if (found.length > most) found.shift()
      }
      last = [...found, ...last].slice(-most)
      if (last.length === most) break
    }
    return last
  }

  /** How far each has come. */
  get receivers(): ReceiverStatus[] {
    return this.#services.deliveries.queues.map(({ name, receiver, oldest, parked }) => ({
      receiver: name,
      origin: receiver.address.origin,
      oldest: oldest?.event.id ?? null,
      attempts: oldest?.attempts ?? 0,
      failed: parked.length,
    }))
  }

  /** What receivers have not taken in all their time. */
  get failed(): FailedEvent[] {
    return this.#services.deliveries.queues.flatMap(({ name, parked }) =>
      parked.map(({ id, repository, attempts, parkedAt, why }) => ({
        receiver: name,
        id,
        repository,
        attempts,
        parkedAt,
        why,
      })),
    )
  }

  /**
   * Sends an event once more, at once: to one receiver, or to all that want it.
   *
   * @throws {Refusal} `event_missing`, `receiver_missing`
   */
  async resend(
    id: string,
    receiver: string | undefined,
    signal: AbortSignal,
    who: string | undefined,
  ): Promise<Sent[]> {
    const { journal, deliveries, publicUrl } = this.#services
    const found = isEventId(id) ? await findEvent(journal, id) : undefined
    if (!found) throw new Refusal('event_missing', { sentence: `The journal has no event ${JSON.stringify(id)}.` })
    const { event } = found
    const queues = receiver === undefined ? deliveries.wanting(event) : [deliveries.find(receiver)]
    return await Promise.all(
      queues.map(async (queue) => {
        const attempt = await queue.sendNow(id, payloadOf(event, publicUrl), signal)
        return this.#log({ receiver: queue.name, ...attempt }, id, who)
      }),
    )
  }

  /** Sends a receiver a ping. @throws {Refusal} `receiver_missing` */
  async test(receiver: string, signal: AbortSignal, who: string | undefined): Promise<Sent> {
    const { deliveries, nextId } = this.#services
    const queue = deliveries.find(receiver)
    const id = nextId()
    const attempt = await queue.sendNow(id, pingOf({ id, time: new Date().toISOString() }, receiver), signal)
    return this.#log({ receiver, ...attempt }, id, who)
  }

  #log(sent: Sent, event: string, saysToBe: string | undefined): Sent {
    this.#services.log.info({ ...sent, event, saysToBe }, 'an operator has had an event sent')
    return sent
  }
}
