import type { Lease } from '@sluice/shared/coordinator/coordinator'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { HostTable } from '../member/host-table.ts'
import type { SlotTable } from '../table/slot-table.ts'
import { ReadGrants } from './read-grants.ts'
import { ReadLeases } from './read-leases.ts'
import { Tenures } from './tenures.ts'

/*
 * Whether a read shows all that was acknowledged, where each host has repositories of its own:
 *
 *   tenures       which slots this host is the primary of, and since when
 *   read-leases   as a copy: what primaries have granted, and what they were promised
 *   read-grants   as a primary: what was granted, and when an acknowledgement may be given
 *   read-message  what two hosts tell each other of it
 */

/** How long a grant lasts, as a share of a host's lease: those of a host that has died are over when its slots are taken over. */
const shareOfLease = 2 / 3

export type HostReadsOptions = {
  readonly name: string
  readonly run: string
  readonly table: SlotTable
  readonly hosts: Pick<HostTable, 'get'>
  readonly leaseNow: () => Lease | undefined
  /** Slots that this host gives away, and that may be another host's by now. */
  readonly inDoubt: ReadonlySet<number>
  /** Of a lease, in milliseconds. */
  readonly ttl: number
}

export class HostReads implements Disposable {
  readonly leases: ReadLeases
  readonly grants: ReadGrants
  /** How long a grant lasts, in milliseconds. */
  readonly ms: number
  readonly #options: HostReadsOptions
  readonly #tenures: Tenures

  constructor(options: HostReadsOptions) {
    const { name, run, table, hosts, leaseNow, inDoubt, ttl } = options
    const ms = Math.floor(ttl * shareOfLease)
    this.#options = options
    const tenures = new Tenures(name, table, (host) => this.leases.promisedUntil(host))
    this.ms = ms
    this.#tenures = tenures
    this.leases = new ReadLeases({ name, table, hosts, tenures, ms })
    this.grants = new ReadGrants({ run, table, tenures, leaseNow, inDoubt, ms })
  }

  /** Whether what this host has of a slot, which it is in sync of, surely shows all that was acknowledged. */
  cover(slot: number, record: SlotRecord): boolean {
    const { name, leaseNow, inDoubt } = this.#options
    if (record.primary !== name) return this.leases.cover(slot, record)
    if (inDoubt.has(slot)) return false
    const others = record.inSync.filter((host) => host !== name)
    return leaseNow()?.isLive === true || this.grants.isPromisedBy(others)
  }

  [Symbol.dispose](): void {
    this.#tenures[Symbol.dispose]()
  }
}
