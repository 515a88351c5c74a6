import type { Lease } from '@sluice/shared/coordinator/coordinator'
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
  /** Of a lease, in milliseconds. */
  readonly ttl: number
}

export class HostReads implements Disposable {
  readonly leases: ReadLeases
  readonly grants: ReadGrants
  /** How long a grant lasts, in milliseconds. */
  readonly ms: number
  readonly #tenures: Tenures

  constructor({ name, run, table, hosts, leaseNow, ttl }: HostReadsOptions) {
    const ms = Math.floor(ttl * shareOfLease)
    const tenures = new Tenures(name, table, (host) => this.leases.promisedUntil(host))
    this.ms = ms
    this.#tenures = tenures
    this.leases = new ReadLeases({ name, table, hosts, tenures, ms })
    this.grants = new ReadGrants({ run, table, tenures, leaseNow, ms })
  }

  [Symbol.dispose](): void {
    this.#tenures[Symbol.dispose]()
  }
}
