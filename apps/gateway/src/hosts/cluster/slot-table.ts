import type { Change, Watched } from '@sluice/shared/coordinator/coordinator'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { slotOfKey } from '@sluice/shared/placement/keys'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { slotCount } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { ToldSlot } from '@sluice/shared/placement/told-slot'

export type SlotTableEvents = {
  /** A slot has another record now. */
  readonly onChange: (slot: number) => void
  /** A value is not valid: its slot is kept by nobody. */
  readonly onInvalid: (key: string, revision: number) => void
  /** The coordinator has forgotten what this table has: it was restored from a backup, say. */
  readonly onWentBack: (from: number, to: number) => void
}

/** Who keeps each slot, as far as this gateway has heard. Looking up is looking into an array. */
export class SlotTable {
  readonly #keys: ClusterKeys
  readonly #events: SlotTableEvents
  readonly #records: (SlotRecord | undefined)[] = Array.from({ length: slotCount }, () => undefined)
  /** Of the last change of each slot's key; 0: it has none. */
  readonly #revisions = new Float64Array(slotCount)
  /** When this gateway heard of it, by `performance.now()`. */
  readonly #changedAt = new Float64Array(slotCount)
  #revision = 0
  #isKnown = false

  constructor(keys: ClusterKeys, events: SlotTableEvents) {
    this.#keys = keys
    this.#events = events
  }

  /** Whether all slots have been read. Before that, nothing is known. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Of the newest change that is known. */
  get revision(): number {
    return this.#revision
  }

  get records(): readonly (SlotRecord | undefined)[] {
    return this.#records
  }

  at(slot: number): SlotRecord | undefined {
    return this.#records[slot]
  }

  revisionAt(slot: number): number {
    return this.#revisions[slot] ?? 0
  }

  changedAt(slot: number): number {
    return this.#changedAt[slot] ?? 0
  }

  /** Takes over what a watch has brought. Lets others have the event loop meanwhile. */
  async take(watched: Watched): Promise<void> {
    const before = this.#revision
    this.#revision = watched.revision
    if (watched.kind === 'all') {
      if (watched.revision < before) this.#events.onWentBack(before, watched.revision)
      await this.#takeAll(watched.entries)
      this.#isKnown = true
    } else {
      const turn = new LoopTurn()
      for (const change of watched.changes) {
        this.#take(change)
        await turn.letOthers()
      }
    }
  }

  /**
   * Takes over what a host has told, if it is newer. To be called while the coordinator is away only: its watch then brings
   * the same change, and all before it, when it is back.
   *
   * @returns whether it was newer
   */
  takeTold(slot: number, { record, revision }: ToldSlot): boolean {
    if (revision <= Math.max(this.#revision, this.revisionAt(slot))) return false
    this.#set(slot, record, revision)
    return true
  }

  async #takeAll(entries: readonly Change[]): Promise<void> {
    const turn = new LoopTurn()
    const missing = new Set(this.#records.keys())
    for (const entry of entries) {
      missing.delete(this.#take(entry) ?? -1)
      await turn.letOthers()
    }
    for (const slot of missing) if (this.#records[slot] !== undefined) this.#set(slot, undefined, 0)
  }

  #take({ key, value, revision }: Change): number | undefined {
    const slot = slotOfKey(this.#keys, key)
    if (slot === undefined) this.#events.onInvalid(key, revision)
    else if (this.#revisions[slot] !== revision) {
      const record = value === undefined ? undefined : readSlotRecord(value, revision)
      if (value !== undefined && record === undefined) this.#events.onInvalid(key, revision)
      this.#set(slot, record, revision)
    }
    return slot
  }

  #set(slot: number, record: SlotRecord | undefined, revision: number): void {
    this.#records[slot] = record
    this.#revisions[slot] = revision
    this.#changedAt[slot] = performance.now()
    this.#events.onChange(slot)
  }
}
