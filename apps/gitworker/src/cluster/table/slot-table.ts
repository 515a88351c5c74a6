import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import type { Change, Coordinator, Watched } from '@sluice/shared/coordinator/coordinator'
import { slotOfKey } from '@sluice/shared/placement/keys'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { slotCount } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'

/** A slot, as this host knows it. */
export type KnownSlot = {
  /** Undefined where the key does not exist, or its value is not valid. */
  readonly record: SlotRecord | undefined
  /** Of the last change of its key that is known. */
  readonly revision: number
}

export type SlotTableEvents = {
  /** A value is not valid: such a slot is kept by nobody. */
  readonly onInvalid: (slot: number, revision: number) => void
  /** The coordinator has forgotten what was known here: it was restored from a backup, say. */
  readonly onWentBack: (from: number, to: number) => void
}

const unknown: KnownSlot = { record: undefined, revision: 0 }

/**
 * Who keeps each slot, as far as this host has heard. What comes may come late, and twice (by the watch, by a look, by this
 * host's own swap): of each slot, the newest revision counts.
 */
export class SlotTable {
  readonly #keys: ClusterKeys
  readonly #events: SlotTableEvents
  readonly #slots: KnownSlot[] = Array.from({ length: slotCount }, () => unknown)
  readonly #listeners = new Set<(slot: number) => void>()
  #revision = 0
  #newest = 0
  /** Of what the watch has brought last. */
  #watched = 0
  #changes = 0

  constructor(keys: ClusterKeys, events: SlotTableEvents) {
    this.#keys = keys
    this.#events = events
  }

  at(slot: number): KnownSlot {
    return this.#slots[slot] ?? unknown
  }

  /** Up to where all slots are known. */
  get revision(): number {
    return this.#revision
  }

  /** Of the newest change of a slot that is known: the watches of other hosts come so far, and may come no further. */
  get newestChange(): number {
    return this.#newest
  }

  /** How often a slot has changed: what is made of all of them is as good as before while this is the same. */
  get changes(): number {
    return this.#changes
  }

  /** Up to where the watch has come: all of that is in the table. A revision that this host has written itself may be later. */
  get watched(): number {
    return this.#watched
  }

  /** By the number of the slot. */
  get records(): (SlotRecord | undefined)[] {
    return this.#slots.map(({ record }) => record)
  }

  *[Symbol.iterator](): IterableIterator<readonly [slot: number, record: SlotRecord]> {
    for (const [slot, { record }] of this.#slots.entries()) if (record) yield [slot, record]
  }

  /** @param listener is called with each slot that has changed, until the result is disposed of; must not throw */
  listen(listener: (slot: number) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) }
  }

  /** Takes over what the watch has brought. Lets others have the event loop meanwhile. */
  async take(watched: Watched): Promise<void> {
    if (watched.revision < this.#watched) this.#forget(this.#watched, watched.revision)
    await this.#take(watched)
    // Not before: read leases count on it, here and at the primaries that are told of it.
    this.#watched = watched.revision
  }

  /** Reads all slots now. @throws {CoordinatorError} */
  async look(coordinator: Coordinator): Promise<void> {
    const known = this.#revision
    const all = await coordinator.read(this.#keys.slots)
    if (all.revision < known) this.#forget(known, all.revision)
    await this.#take({ kind: 'all', ...all })
  }

  /** What a read or this host's own swap has shown of one slot. */
  takeOne(slot: number, record: SlotRecord | undefined, revision: number): void {
    if (this.at(slot).revision < revision) this.#set(slot, { record, revision })
    this.#revision = Math.max(this.#revision, revision)
  }

  /** What comes now has lower revisions than what was known, and is true all the same. */
  #forget(from: number, to: number): void {
    this.#revision = 0
    this.#newest = 0
    this.#watched = 0
    for (const slot of this.#slots.keys()) if (this.at(slot) !== unknown) this.#set(slot, unknown)
    this.#events.onWentBack(from, to)
  }

  async #take(watched: Watched): Promise<void> {
    await this.#takeAll(watched.kind === 'all' ? this.#changesTo(watched) : watched.changes)
    this.#revision = Math.max(this.#revision, watched.revision)
  }

  async #takeAll(changes: Iterable<Change>): Promise<void> {
    const turn = new LoopTurn()
    for (const { key, value, revision } of changes) {
      const slot = slotOfKey(this.#keys, key)
      if (slot !== undefined && this.at(slot).revision < revision) {
        this.#set(slot, { record: value === undefined ? undefined : this.#read(slot, value, revision), revision })
      }
      await turn.letOthers()
    }
  }

  /** As changes: each entry, and each slot that is known and is not among them. */
  *#changesTo({ entries, revision }: Extract<Watched, { kind: 'all' }>): Generator<Change> {
    yield* entries
    const present = new Set(entries.map(({ key }) => key))
    for (const [slot, { record }] of this.#slots.entries()) {
      const key = this.#keys.slot(slot)
      if (record && !present.has(key)) yield { key, value: undefined, revision }
    }
  }

  #read(slot: number, value: string, revision: number): SlotRecord | undefined {
    const record = readSlotRecord(value, revision)
    if (!record) this.#events.onInvalid(slot, revision)
    return record
  }

  #set(slot: number, known: KnownSlot): void {
    this.#slots[slot] = known
    this.#newest = Math.max(this.#newest, known.revision)
    this.#changes++
    for (const listener of this.#listeners) listener(slot)
  }
}
