import { keep, mostSwapped } from '@sluice/shared/coordinator/coordinator'
import type { Coordinator, Swap } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { HostTable } from '../member/host-table.ts'
import type { KnownSlot, SlotTable } from '../table/slot-table.ts'
import { makeCertain } from './make-certain.ts'

export type SlotSwapServices = {
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly table: SlotTable
  readonly hosts: Pick<HostTable, 'get'>
  readonly log: Logger
}

type Gift = {
  readonly slot: number
  readonly record: SlotRecord & { readonly next: string }
  readonly revision: number
  readonly settled: (revision: number | undefined) => void
  readonly failed: (error: unknown) => void
}

/** Slots that are named in a line of the log. */
const mostNamed = 8

/** Makes other hosts primary of slots, many slots in one swap. */
export class SlotSwaps {
  readonly #services: SlotSwapServices
  readonly #inDoubt = new Set<number>()
  #waiting: Gift[] = []

  constructor(services: SlotSwapServices) {
    this.#services = services
  }

  /** Slots that are given away, and may be another host's by now: the answer may be late, or lost. */
  get inDoubt(): ReadonlySet<number> {
    return this.#inDoubt
  }

  /**
   * Makes `next` the primary of a slot that nothing is at work in. Returns when it is certain what has become of it.
   *
   * @param signal ends the wait for certainty, where nobody can be asked
   * @returns the new term; undefined where the record has changed, or `next` does not live, or is not in sync
   */
  async giveTo(slot: number, { record, revision }: KnownSlot, signal: AbortSignal): Promise<number | undefined> {
    const next = record?.next
    if (record === undefined || next === undefined) return undefined
    if (!record.inSync.includes(next) || !this.#services.hosts.get(next)) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    const gift = { slot, record: { ...record, next }, revision, settled: resolve, failed: reject }
    this.#inDoubt.add(slot)
    // Slots that are ready in the same turn go together.
    if (this.#waiting.push(gift) === 1) setImmediate(() => void this.#flush())
    const certain = await promise.catch(() => this.#termOf(gift, signal))
    if (certain === 'unknown') return undefined
    this.#inDoubt.delete(slot)
    return certain
  }

  /** @returns the new term, undefined where there is none */
  async #termOf({ slot, record, revision }: Gift, signal: AbortSignal): Promise<number | 'unknown' | undefined> {
    const now = await makeCertain(this.#services, slot, { record, revision }, signal)
    if (!now) return 'unknown'
    return now.record?.primary === record.next ? now.record.term : undefined
  }

  async #flush(): Promise<void> {
    const gifts = this.#waiting
    this.#waiting = []
    for (const ofOne of Map.groupBy(gifts, ({ record }) => record.next).values()) {
      // One part is for the next primary: it must live.
      for (let at = 0; at < ofOne.length; at += mostSwapped - 1) await this.#give(ofOne.slice(at, at + mostSwapped - 1))
    }
  }

  async #give(gifts: readonly Gift[]): Promise<void> {
    const { coordinator, keys, hosts, table, log } = this.#services
    const [first] = gifts
    if (!first) return
    const next = hosts.get(first.record.next)
    if (!next) return gifts.forEach(({ settled }) => settled(undefined))
    try {
      const parts = gifts.map(({ slot, record, revision }): Swap => ({
        key: keys.slot(slot),
        expected: revision,
        value: writeSlotRecord(given(record)),
      }))
      const lives: Swap = { key: keys.host(first.record.next), expected: next.revision, value: keep }
      const { isDone, revision } = await coordinator.swap([lives, ...parts])
      for (const { slot, record } of isDone ? gifts : [])
        table.takeOne(slot, { ...given(record), term: revision }, revision)
      if (isDone) {
        const some = gifts.slice(0, mostNamed).map(({ slot }) => slot)
        log.info({ to: first.record.next, slots: gifts.length, some, revision }, 'handed slots over')
        gifts.forEach(({ settled }) => settled(revision))
      }
      if (!isDone && gifts.length === 1) first.settled(undefined)
      if (!isDone && gifts.length > 1) for (const gift of gifts) await this.#give([gift])
    } catch (error) {
      for (const { failed } of gifts) failed(error)
    }
  }
}

function given({ next, copies, inSync }: Gift['record']) {
  return { primary: next, copies, inSync, next: undefined, term: undefined }
}
