import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import type { EventsStatus } from '../../operations/host-status.ts'
import type { Journal } from '../journal/journal.ts'
import { compare } from '../journal/position.ts'
import { readEvents } from '../journal/read-records.ts'
import type { Deliveries } from './deliveries.ts'

/** What waits is in the journal, and is counted there only when somebody looks, and up to this. */
const mostCounted = 10_000

/** How long a count is good, in milliseconds. */
const countIsGoodMs = 5000

type Count = Pick<EventsStatus, 'waiting' | 'isMore'>

/** How receivers come along, for operators. */
export class DeliveryStatus {
  readonly #journal: Journal
  readonly #deliveries: Deliveries
  #count: Promise<Count> | undefined
  #countedAt = -Infinity

  constructor(journal: Journal, deliveries: Deliveries) {
    this.#journal = journal
    this.#deliveries = deliveries
  }

  async read(): Promise<EventsStatus> {
    const counted = await this.#counted()
    const { queues } = this.#deliveries
    const behind = queues.flatMap(({ oldest }) => oldest ?? [])
    const oldest = behind.map(({ event }) => Date.parse(event.time)).toSorted((one, other) => one - other)[0]
    const failures = queues.flatMap(({ name, lastFailure }) => (lastFailure ? { receiver: name, ...lastFailure } : []))
    return {
      receivers: queues.length,
      failing: behind.filter(({ attempts }) => attempts > 0).length,
      ...counted,
      oldestSeconds: oldest === undefined ? undefined : Math.max(0, Math.round((Date.now() - oldest) / 1000)),
      parked: queues.reduce((sum, { parked }) => sum + parked.length, 0),
      lastFailure: failures.toSorted((one, other) => other.at.localeCompare(one.at))[0],
    }
  }

  /** Those who ask at once, and one after the other, share a count. */
  async #counted(): Promise<Count> {
    if (!this.#count || performance.now() - this.#countedAt > countIsGoodMs) {
      this.#countedAt = performance.now()
      // A journal that cannot be read takes nothing else from whoever looks at the status.
      this.#count = this.#countWaiting().catch(() => ({ waiting: 0, isMore: true }))
    }
    return await this.#count
  }

  async #countWaiting(): Promise<Count> {
    const from = this.#deliveries.queues.map(({ lowWater }) => lowWater).toSorted(compare)[0]
    const turn = new LoopTurn()
    let [waiting, looked] = [0, 0]
    if (from) {
      for await (const { event, at } of readEvents(this.#journal, from, this.#journal.end)) {
        if (++looked > mostCounted) return { waiting, isMore: true }
        if (this.#deliveries.waitingFor(event, at).length > 0) waiting++
        await turn.letOthers()
      }
    }
    return { waiting, isMore: false }
  }
}
