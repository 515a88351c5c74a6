import type { Lease } from '@sluice/shared/coordinator/coordinator'
import { isWrite } from '@sluice/shared/lfs/remote-request'
import type { RemoteRequest } from '@sluice/shared/lfs/remote-request'
import { notBegunHeaders, toldSlotHeaders } from '@sluice/shared/host-protocol/from-host'
import { slotOf } from '@sluice/shared/placement/slot'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { ToldHost } from '@sluice/shared/placement/told-slot'
import type { Reason } from '@sluice/shared/refusal/reasons'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { SlotTable } from '../table/slot-table.ts'
import type { HostReads } from '../reads/host-reads.ts'
import { untilTermIsKnown } from '../table/term-wait.ts'
import type { SlotHolds } from './slot-holds.ts'
import { Tenure } from './tenure.ts'

/*
 * Whether this host serves a request, by its own lease and its own table. Nobody is asked.
 *
 *   a push, and the lease is not surely live ──▶ 503 no_lease
 *   the gateway knows of a later change   ──▶ wait for the watch, up to two seconds
 *   a push: primary, and not handing over ──▶ served; else 421 misplaced
 *     and too few copies are in sync      ──▶ 503 too_few_copies
 *   a read: among the copies in sync      ──▶ served; else 421 misplaced
 *     and a copy of its own may be behind ──▶ 503 no_lease: it has no read lease, or, as the primary, no lease and not the
 *                                             promise of all others in sync to take nothing from it; or it has given the
 *                                             slot away, and does not know yet whether that was done
 *
 * While etcd is away, reads go on by the last table: with one folder for all hosts, what this host reads is what there is.
 *
 * A gateway that may not have heard of a change is told who serves the slot now, because it may be cut off from etcd.
 *
 * All of this comes before a byte of the body is read, so the gateway can send the request elsewhere.
 */

/** How long a request waits for a change that its gateway has heard of before this host. Milliseconds. */
const newerTermMs = 2000

export type PlacementServices = {
  /** The name of this host. */
  readonly name: string
  /** The lease of this host; undefined while it is no member. */
  readonly leaseNow: () => Lease | undefined
  readonly table: SlotTable
  /** Those that live, this host included, as far as it has heard. */
  readonly hosts: { get(name: string): ToldHost | undefined }
  readonly holds: SlotHolds
  /** Whether this host may be behind another one, where each has repositories of its own; undefined with one folder for all. */
  readonly reads: Pick<HostReads, 'cover'> | undefined
  /** How many copies must be in sync and up for a push to be taken, this host included. */
  readonly minInSync: number
  /** Called with each reason for which a request is not served. */
  readonly onRefused: (reason: Reason) => void
}

export class Placement {
  readonly #services: PlacementServices

  constructor(services: PlacementServices) {
    this.#services = services
  }

  /** Whether this host is surely a member of its cluster. */
  get isLive(): boolean {
    return this.#services.leaseNow()?.isLive === true
  }

  /**
   * To be called before anything of a request is read or begun.
   *
   * @param term of the repository's slot, as the gateway knows it; undefined where no gateway has sent the request
   * @returns what a push holds until nothing of it is at work; undefined for whatever changes nothing
   * @throws {Refusal} `misplaced`, `no_lease`, `too_few_copies`
   */
  async admit(request: RemoteRequest, term: number | undefined, signal: AbortSignal): Promise<Tenure | undefined> {
    const { table } = this.#services
    const slot = slotOf(request.repository)
    const isPush = isWrite(request)
    if (isPush) this.#checkLease()
    if (term !== undefined && table.at(slot).revision < term) {
      await untilTermIsKnown(table, slot, term, newerTermMs, signal)
      signal.throwIfAborted()
    }
    if (isPush) this.#checkLease()
    const { record, revision } = table.at(slot)
    if (!record || (term !== undefined && revision < term) || !this.#serves(record, isPush))
      throw this.#misplaced(slot, term)
    if (isPush) this.#checkCopies(record)
    else this.#checkReads(slot, record)
    if (!isPush || request.kind === 'advertisement') return undefined
    if (this.#services.holds.isClosed(slot)) throw this.#misplaced(slot, term)
    return this.#enter(slot, record, this.#checkLease())
  }

  /**
   * For what an operator, or this host itself, does to a repository as its primary.
   *
   * @param onGiveWay ends it, where it can be begun again: the slot is to be handed over, or is lost
   * @returns undefined where this host is not the primary, or not now
   */
  hold(repository: string, onGiveWay?: () => void): Tenure | undefined {
    const { holds, table, name, leaseNow } = this.#services
    const slot = slotOf(repository)
    const { record } = table.at(slot)
    const lease = leaseNow()
    if (!lease?.isLive || record?.primary !== name || holds.isClosed(slot)) return undefined
    return this.#enter(slot, record, lease, onGiveWay)
  }

  /**
   * Holds a repository for what an operator does to it.
   *
   * @throws {Refusal} `misplaced`, with a sentence for the operator; `no_lease`
   */
  holdForOperator(repository: string): Tenure {
    const held = this.hold(repository)
    if (held) return held
    if (!this.isLive) throw new Refusal('no_lease')
    const named = JSON.stringify(repository)
    const primary = this.primaryOf(repository)
    if (primary === undefined) throw new Refusal('misplaced', { sentence: `No host keeps ${named} at the moment.` })
    const words =
      primary === this.#services.name
        ? `The repository ${named} is being handed to another host. Try again in a moment.`
        : `The repository ${named} is kept by the host ${primary}. Do this there.`
    throw new Refusal('misplaced', { sentence: words })
  }

  /** Whether this host is surely the primary of a repository, by any of its names. */
  isPrimary(repository: string): boolean {
    return this.isLive && this.primaryOf(repository) === this.#services.name
  }

  /** Who keeps a repository, by name; undefined: nobody. */
  primaryOf(repository: string): string | undefined {
    return this.#services.table.at(slotOf(repository)).record?.primary
  }

  #enter(slot: number, { term }: SlotRecord, lease: Lease, onGiveWay?: () => void): Tenure {
    const { holds, table, name, leaseNow } = this.#services
    const isPrimary = () => {
      const { record } = table.at(slot)
      return leaseNow() === lease && record?.primary === name && record.term === term
    }
    return new Tenure(term, lease, isPrimary, holds.enter(slot, onGiveWay))
  }

  #serves({ primary, inSync }: SlotRecord, isPush: boolean): boolean {
    const { name } = this.#services
    return isPush ? primary === name : inSync.includes(name)
  }

  /** @throws {Refusal} `too_few_copies` */
  #checkCopies({ inSync }: SlotRecord): void {
    const { hosts, minInSync, onRefused } = this.#services
    if (minInSync === 1 || inSync.filter((host) => hosts.get(host)).length >= minInSync) return
    // No other host could take it, so the gateway is to pass this on.
    onRefused('too_few_copies')
    throw new Refusal('too_few_copies')
  }

  /** @throws {Refusal} `no_lease` where another host may have acknowledged what is not here */
  #checkReads(slot: number, record: SlotRecord): void {
    if (this.#services.reads?.cover(slot, record) === false) throw this.#refused('no_lease')
  }

  #checkLease(): Lease {
    const lease = this.#services.leaseNow()
    if (lease?.isLive) return lease
    throw this.#refused('no_lease')
  }

  /** @param term as the gateway knows it; undefined where no gateway has asked, so that nobody is told anything */
  #misplaced(slot: number, term: number | undefined): Refusal {
    const { table, hosts } = this.#services
    const { record, revision } = table.at(slot)
    if (term === undefined || !record || revision < term) return this.#refused('misplaced')
    const told = new Map<string, ToldHost>()
    for (const name of new Set([...(record.primary === undefined ? [] : [record.primary]), ...record.inSync])) {
      const host = hosts.get(name)
      if (host) told.set(name, host)
    }
    return this.#refused('misplaced', toldSlotHeaders({ record, revision, hosts: told }))
  }

  #refused(reason: 'misplaced' | 'no_lease', told: Readonly<Record<string, string>> = {}): Refusal {
    this.#services.onRefused(reason)
    return new Refusal(reason, { headers: { ...notBegunHeaders, ...told } })
  }
}
