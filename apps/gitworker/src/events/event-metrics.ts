import { Counter } from 'prom-client'
import type { Registry } from 'prom-client'
import { addGauge, addGauges } from '@sluice/shared/telemetry/gauge'
import type { Attempt } from './delivery/deliver.ts'
import type { ReceiverQueue } from './delivery/receiver-queue.ts'
import type { Event } from './record/event.ts'

/** What is read when the metrics are collected. */
export type ShownEvents = {
  readonly queues: readonly ReceiverQueue[]
  readonly listeners: number
  readonly journalBytes: number
}

const none: ShownEvents = { queues: [], listeners: 0, journalBytes: 0 }

/** What becomes of events, for operators. Receivers are the labels: a hundred at most. */
export class EventMetrics {
  readonly #registry: Registry
  readonly #events: Counter<'kind'>
  readonly #deliveries: Counter<'receiver' | 'result'>
  readonly #seconds: Counter<'receiver'>
  readonly #dropped: Counter<'receiver'>

  constructor(registry: Registry) {
    this.#registry = registry
    const registers = [registry]
    this.#events = new Counter({
      name: 'sluice_events_total',
      help: 'Events in the journal, by kind.',
      labelNames: ['kind'],
      registers,
    })
    this.#deliveries = new Counter({
      name: 'sluice_event_deliveries_total',
      help: 'Requests to receivers of events, by how they went: taken or failed.',
      labelNames: ['receiver', 'result'],
      registers,
    })
    this.#seconds = new Counter({
      name: 'sluice_event_delivery_seconds_total',
      help: 'How long these requests took.',
      labelNames: ['receiver'],
      registers,
    })
    this.#dropped = new Counter({
      name: 'sluice_events_dropped_total',
      help: 'Events that a receiver had not taken when the journal became too large, or they too old.',
      labelNames: ['receiver'],
      registers,
    })
  }

  happened({ kind }: Event): void {
    this.#events.inc({ kind })
  }

  attempted(receiver: string, { isTaken, ms }: Attempt): void {
    this.#deliveries.inc({ receiver, result: isTaken ? 'taken' : 'failed' })
    this.#seconds.inc({ receiver }, ms / 1000)
  }

  dropped(receiver: string): void {
    this.#dropped.inc({ receiver })
  }

  /** @param read undefined where nobody is told of events */
  show(read: (() => ShownEvents) | undefined): void {
    const shown = read ?? (() => none)
    addGauges(
      this.#registry,
      'sluice_event_lag_seconds',
      'How old the oldest event is that a receiver has not taken; 0 where it has taken all.',
      'receiver',
      () => shown().queues.map((queue) => [queue.name, lagOf(queue)]),
    )
    addGauges(
      this.#registry,
      'sluice_events_parked',
      'Events that a receiver has not taken for a day, and that are no longer tried.',
      'receiver',
      () => shown().queues.map(({ name, parked }) => [name, parked.length]),
    )
    addGauge(this.#registry, 'sluice_event_listeners', 'Programs that listen to /-/events.', () => shown().listeners)
    const size = 'The size of the journal of events, as of its last look a minute ago or less.'
    addGauge(this.#registry, 'sluice_event_journal_bytes', size, () => shown().journalBytes)
  }
}

function lagOf({ oldest }: ReceiverQueue): number {
  return oldest ? Math.max(0, (Date.now() - Date.parse(oldest.event.time)) / 1000) : 0
}
