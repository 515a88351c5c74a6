import { setTimeout as pause } from 'node:timers/promises'
import type { Lease } from '@sluice/shared/coordinator/coordinator'
import { instantNow, isWithin } from '@sluice/shared/coordinator/lease/instant'
import type { Instant } from '@sluice/shared/coordinator/lease/instant'
import type { SlotTable } from '../table/slot-table.ts'
import type { ReadAsk, ReadGrant } from './read-message.ts'
import type { Tenures } from './tenures.ts'

/*
 * The primary's side of read leases. A copy may answer reads only for a short time after its primary has said so, and the
 * primary acknowledges nothing before all copies that do not have it are past that time:
 *
 *   a copy asks ──▶ grant: so many milliseconds, once the copy's watch has come to this revision
 *   a copy is taken out of those in sync (revision R) ──▶ acknowledgements of the slot wait until
 *     the copy's watch has come to R, or all grants of before R are over
 *
 * While etcd is away, a primary cannot be sure of its lease. It goes on reading, and lets copies read, for as long as all that
 * could take its place promise not to: the other copies in sync.
 */

/** For clocks that run at different rates, and for what lies between a look at a clock and its effect. */
const marginMs = 50
const marginShare = 0.01

/** Hosts that are remembered. A cluster has some dozen. */
const mostHosts = 1000

type Grant = { readonly revision: number; readonly until: number }
type Promised = { readonly ms: number; readonly since: Instant }

export type ReadGrantServices = {
  /** Tells this process from others of its name. */
  readonly run: string
  readonly table: SlotTable
  readonly tenures: Tenures
  readonly leaseNow: () => Lease | undefined
  /** Slots that this host gives away, and that may be another host's by now. */
  readonly inDoubt: ReadonlySet<number>
  /** How long a grant lasts, in milliseconds. */
  readonly ms: number
}

export class ReadGrants {
  readonly #services: ReadGrantServices
  readonly #startedAt = performance.now()
  /** By copy: those that may not be over. */
  readonly #grants = new Map<string, readonly Grant[]>()
  /** By copy: up to where its watch has come. */
  readonly #watched = new Map<string, number>()
  readonly #promises = new Map<string, Promised>()

  constructor(services: ReadGrantServices) {
    this.#services = services
  }

  /** @returns undefined where nothing can be granted */
  answer({ host, watched, promisedMs, lastMoment }: ReadAsk): ReadGrant | undefined {
    const { run, table, leaseNow, inDoubt, ms } = this.#services
    if (!this.#grants.has(host) && this.#grants.size >= mostHosts) return undefined
    if (lastMoment?.run === run) this.#promises.set(host, { ms: lessMargin(promisedMs), since: lastMoment })
    this.#watched.set(host, watched)
    const isLeased = leaseNow()?.isLive === true
    const promisedBy = isLeased ? null : [...this.#promises.keys()].filter((name) => this.#hasPromised(name))
    const granted = isLeased ? ms : Math.min(ms, ...promisedBy!.map((name) => this.#leftOf(name)))
    const revision = table.newestChange
    const now = performance.now()
    const kept = (this.#grants.get(host) ?? []).filter(({ until }) => until > now)
    this.#grants.set(host, [...kept, { revision, until: now + withMargin(granted) }])
    return { revision, ms: granted, moment: { run, ...instantNow() }, promisedBy, inDoubt: [...inDoubt] }
  }

  /** Whether none of these hosts can have become primary in this one's place by now, and acknowledged anything. */
  isPromisedBy(hosts: readonly string[]): boolean {
    return hosts.every((host) => this.#hasPromised(host))
  }

  /**
   * Resolves when no host but these can answer a read of the slot without what this primary has done by now. At once, as a
   * rule. To be called after these hosts have it, and before it is acknowledged.
   */
  async settled(slot: number, has: ReadonlySet<string>): Promise<void> {
    for (let ms = this.#unsettledMs(slot, has); ms > 0; ms = this.#unsettledMs(slot, has)) {
      // A copy that hears of its removal ends the wait.
      await pause(Math.min(ms + 1, 50))
    }
  }

  #unsettledMs(slot: number, has: ReadonlySet<string>): number {
    const { table, tenures, ms } = this.#services
    const { record, revision } = table.at(slot)
    // A process of this name before this one may have granted and promised.
    const ends = [this.#startedAt + withMargin(ms)]
    for (const [host, grants] of this.#grants) {
      if (has.has(host) || (this.#watched.get(host) ?? 0) >= revision) continue
      for (const grant of grants) if (grant.revision < revision) ends.push(grant.until)
    }
    const begun = tenures.of(slot)
    if (begun) {
      // Who was in sync when the term began has all of it, or was taken out since: by grants of the primary before.
      if (record && revision > record.term) ends.push(begun.at + withMargin(ms))
      ends.push(begun.promisedUntil)
    }
    return Math.max(...ends) - performance.now()
  }

  #hasPromised(host: string): boolean {
    const promised = this.#promises.get(host)
    return promised !== undefined && isWithin(promised.ms, promised.since)
  }

  #leftOf(host: string): number {
    const { ms, since } = this.#promises.get(host)!
    return Math.max(0, ms - (performance.now() - since.monotonic))
  }
}

/** Of a time that this process may count on. */
function lessMargin(ms: number): number {
  return Math.max(0, ms * (1 - marginShare) - marginMs)
}

/** Of a time that another one may count on. */
export function withMargin(ms: number): number {
  return ms * (1 + marginShare) + marginMs
}
