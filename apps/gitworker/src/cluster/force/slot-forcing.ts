import { keep, mostSwapped } from '@sluice/shared/coordinator/coordinator'
import type { Coordinator, Swap } from '@sluice/shared/coordinator/coordinator'
import { slotOfKey } from '@sluice/shared/placement/keys'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { slotCount } from '@sluice/shared/placement/slot'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'

/*
 * Makes this host the primary of slots that it has a copy of, although it may lack pushes that were acknowledged:
 *
 *   all in sync are gone, this host has a copy that is out of sync ──by hand──▶ this host is the primary, and alone in sync
 *
 * Nobody decides this but an operator: whatever only the hosts that are gone have is given up. When they come back, they are
 * copies that are out of sync, and are brought to what this host has.
 */

export type SlotForcingServices = {
  /** The name of this host. */
  readonly name: string
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
}

/** A slot that this host may be made primary of by hand, as etcd has it. */
export type ForcibleSlot = {
  readonly slot: number
  readonly record: SlotRecord
  readonly revision: number
}

/** A slot that stays as it is. */
export type LeftSlot = { readonly slot: number; readonly why: string }

export type Survey = {
  /** The revision of this host's own key. */
  readonly self: number
  readonly forcible: readonly ForcibleSlot[]
  readonly left: readonly LeftSlot[]
}

/** Slots in one swap. The hosts that must be gone, and this one, are compared in it, too. */
const mostAtOnce = 96

/** This host is no member of its cluster at this moment. */
export class NotMemberError extends Error {
  override readonly name = 'NotMemberError'
}

export class SlotForcing {
  readonly #services: SlotForcingServices

  constructor(services: SlotForcingServices) {
    this.#services = services
  }

  get host(): string {
    return this.#services.name
  }

  /**
   * What can be done, by what etcd has now.
   *
   * @param wanted undefined: all slots of which no host in sync lives, and this host has a copy
   * @throws {CoordinatorError}; {NotMemberError}
   */
  async survey(wanted: ReadonlySet<number> | undefined): Promise<Survey> {
    const { coordinator, keys, name } = this.#services
    const hosts = await coordinator.read(keys.hosts)
    const self = hosts.entries.find(({ key }) => key === keys.host(name))?.revision
    if (self === undefined) throw new NotMemberError(`${name} is no member of its cluster at the moment.`)
    const live = new Set(hosts.entries.map(({ key }) => key.slice(keys.hosts.length)))
    const slots = await this.#slots()
    const forcible: ForcibleSlot[] = []
    const left: LeftSlot[] = []
    for (const slot of wanted ?? Array.from({ length: slotCount }, (_, number) => number)) {
      const known = slots.get(slot)
      const why = this.#whyLeft(known?.record, live)
      if (known?.record && why === undefined) forcible.push({ slot, record: known.record, revision: known.revision })
      // What lives needs nothing; what has no copy here cannot be helped from here.
      else if (wanted || (known?.record && isDown(known.record, live))) left.push({ slot, why: why! })
    }
    return { self, forcible, left }
  }

  /**
   * Does it, for slots of a survey that nothing has happened to since: all hosts in sync are still gone.
   *
   * @param onDone called with those that were written together, and their new term
   * @returns those that were left, because something has changed
   * @throws {CoordinatorError}. What was asked last may have been done
   */
  async force(
    { self, forcible }: Survey,
    onDone: (slots: readonly ForcibleSlot[], term: number) => Promise<void>,
  ): Promise<LeftSlot[]> {
    const left: LeftSlot[] = []
    const pieces = [...pieced(forcible, mostAtOnce)]
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const parts = this.#partsFor(piece, self)
      const done = parts.length <= mostSwapped ? await this.#services.coordinator.swap(parts) : { isDone: false }
      if ('revision' in done && done.isDone) await onDone(piece, done.revision)
      else if (piece.length > 1) pieces.unshift(...pieced(piece, Math.ceil(piece.length / 8)))
      else
        left.push({
          slot: piece[0]!.slot,
          why: 'something has changed since it was looked at: its record, or a host in sync has come back. Look again without --yes',
        })
    }
    return left
  }

  async #slots(): Promise<Map<number, { readonly record: SlotRecord | undefined; readonly revision: number }>> {
    const { coordinator, keys } = this.#services
    const { entries } = await coordinator.read(keys.slots)
    return new Map(
      entries.flatMap(({ key, value, revision }) => {
        const slot = slotOfKey(keys, key)
        return slot === undefined ? [] : [[slot, { record: readSlotRecord(value, revision), revision }] as const]
      }),
    )
  }

  /** @returns undefined where this host may become its primary by hand */
  #whyLeft(record: SlotRecord | undefined, live: ReadonlySet<string>): string | undefined {
    const { name } = this.#services
    if (!record) return 'no valid record says who keeps it'
    const alive = record.inSync.find((host) => live.has(host))
    if (alive === name) {
      return record.primary === name
        ? `${name} is its primary already`
        : `${name} is in sync, and becomes its primary by itself`
    }
    if (alive !== undefined)
      return `${alive} is up and has all of it, as far as etcd knows. If it has just died, look again when its lease is over`
    if (!record.copies.includes(name))
      return `${name} has no copy of it. Run this on a host that has one, if it is up: ${record.copies.join(', ')}`
    return undefined
  }

  #partsFor(slots: readonly ForcibleSlot[], self: number): Swap[] {
    const { keys, name } = this.#services
    const gone = new Set(slots.flatMap(({ record }) => record.inSync))
    return [
      { key: keys.host(name), expected: self, value: keep },
      ...[...gone].map((host): Swap => ({ key: keys.host(host), expected: 0, value: keep })),
      ...slots.map(({ slot, record, revision }): Swap => {
        const write = { primary: name, copies: record.copies, inSync: [name], next: undefined, term: undefined }
        return { key: keys.slot(slot), expected: revision, value: writeSlotRecord(write) }
      }),
    ]
  }
}

function isDown({ inSync }: SlotRecord, live: ReadonlySet<string>): boolean {
  return !inSync.some((host) => live.has(host))
}

function* pieced<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}
