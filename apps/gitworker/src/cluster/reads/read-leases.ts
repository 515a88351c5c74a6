import { isWithin } from '@sluice/shared/coordinator/lease/instant'
import type { Instant } from '@sluice/shared/coordinator/lease/instant'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { KnownHost } from '../member/host-table.ts'
import type { SlotTable } from '../table/slot-table.ts'
import type { Moment, ReadAsk, ReadGrant } from './read-message.ts'
import type { Tenures } from './tenures.ts'

/*
 * A copy's side of read leases: what it has been granted by the primaries of its slots, and what it has promised them.
 *
 *   asked ──granted──▶ waits for the watch to come to the grant's revision ──▶ in use ──over──▶ none
 *                      (the grant before is in use meanwhile)
 */

const marginShare = 0.01
const marginMs = 50

type Held = { readonly grant: ReadGrant; readonly since: Instant }

type OfPrimary = {
  inUse: Held | undefined
  /** It is newer, and its revision is not known here yet. */
  coming: Held | undefined
  lastMoment: Moment | null
  /** Milliseconds, on the clock of `performance.now()`. */
  promisedUntil: number
}

export type ReadLeaseServices = {
  /** The name of this host. */
  readonly name: string
  readonly table: SlotTable
  readonly hosts: { get(name: string): KnownHost | undefined }
  readonly tenures: Tenures
  /** For how long a promise is made, in milliseconds. */
  readonly ms: number
}

export class ReadLeases {
  readonly #services: ReadLeaseServices
  readonly #primaries = new Map<string, OfPrimary>()
  #found: { readonly changes: number; readonly primaries: readonly string[] } | undefined

  constructor(services: ReadLeaseServices) {
    this.#services = services
  }

  /**
   * Whom to ask: the primaries of slots that this host has a copy in sync of, and may promise something. Asked many times a
   * second, so all slots are looked at only where one has changed.
   */
  get primaries(): string[] {
    const { table } = this.#services
    if (this.#found?.changes !== table.changes) this.#found = { changes: table.changes, primaries: this.#find() }
    return this.#found.primaries.filter((primary) => this.#mayAsk(primary))
  }

  #find(): string[] {
    const { name, table } = this.#services
    const found = new Set<string>()
    for (const [, { primary, inSync }] of table) {
      if (primary !== undefined && primary !== name && inSync.includes(name)) found.add(primary)
    }
    return [...found]
  }

  /** What to ask a primary. The promise is made by this. */
  ask(primary: string): ReadAsk {
    const { name, table, ms } = this.#services
    const of = this.#of(primary)
    of.promisedUntil = performance.now() + ms * (1 + marginShare) + marginMs
    return { host: name, watched: table.watched, promisedMs: ms, lastMoment: of.lastMoment }
  }

  /** @param asked when it was asked for */
  take(primary: string, asked: Instant, grant: ReadGrant): void {
    const of = this.#of(primary)
    this.#update(of)
    of.lastMoment = grant.moment
    of.coming = { grant, since: asked }
    this.#update(of)
  }

  /** Whether this host's copy of a slot surely has all that its primary has acknowledged. */
  cover(slot: number, { primary, inSync }: SlotRecord): boolean {
    const of = primary === undefined ? undefined : this.#primaries.get(primary)
    if (!of) return false
    this.#update(of)
    if (!of.inUse) return false
    const { grant, since } = of.inUse
    if (grant.inDoubt.includes(slot)) return false
    if (!isWithin(grant.ms * (1 - marginShare) - marginMs, since)) return false
    return grant.promisedBy === null || inSync.every((host) => host === primary || grant.promisedBy!.includes(host))
  }

  /** Until when this host acknowledges nothing in slots that it has taken from another one. */
  promisedUntil(primary: string): number {
    return this.#primaries.get(primary)?.promisedUntil ?? 0
  }

  /** One whose lease has ended gets no promises any more, nor one that slots were taken from, until it is back. */
  #mayAsk(primary: string): boolean {
    const { hosts, tenures } = this.#services
    const known = hosts.get(primary)
    return known !== undefined && known.revision > tenures.deposedAt(primary)
  }

  #update(of: OfPrimary): void {
    if (!of.coming || this.#services.table.watched < of.coming.grant.revision) return
    of.inUse = of.coming
    of.coming = undefined
  }

  #of(primary: string): OfPrimary {
    let of = this.#primaries.get(primary)
    if (!of) {
      of = { inUse: undefined, coming: undefined, lastMoment: null, promisedUntil: 0 }
      this.#primaries.set(primary, of)
    }
    return of
  }
}
