import { hashOf, scoreOf } from '@sluice/shared/placement/rendezvous'
import { slotOf } from '@sluice/shared/placement/slot'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { ToldSlot } from '@sluice/shared/placement/told-slot'
import type { Leg, Miss, Route, Wanted } from '../placement.ts'
import type { ClusterHost } from './cluster-host.ts'
import { ClusterLeg } from './cluster-leg.ts'
import type { LegKind } from './cluster-leg.ts'
import type { HeldRequests } from './held-requests.ts'
import type { KnownHosts } from './known-hosts.ts'
import type { SlotTable } from './slot-table.ts'
import type { Tellers } from './tellers.ts'
import { whyNobody } from './why-nobody.ts'

/*
 * The way of one request of a cluster. Reads go from copy to copy, in rounds:
 *
 *   a round ──missed, and another copy is there──▶ the same round, without the copies that were tried
 *           ──missed, and none is left───────────▶ over: held, until something has changed or a while is over, then a new round
 *
 * Pushes have one host only, so that each miss ends a round. While etcd is away, and all hosts that the table names are, the
 * next one is a host that may know better (tellers.ts).
 */

export type RouteParts = {
  readonly table: SlotTable
  readonly hosts: KnownHosts
  readonly held: HeldRequests
  readonly tellers: Tellers
  /** For how many milliseconds requests may be held; 0 is not at all. */
  readonly hostWait: number
  /** Milliseconds after which a slot that nobody serves counts as down, so that no request is held for it. */
  readonly downAfter: number
  /** Whether it is known which host keeps what. */
  readonly isKnown: () => boolean
  /** In words, why it is not. */
  readonly problem: () => string | undefined
  /** Called with what a host has told of a slot that it does not serve. */
  readonly onTold: (slot: number, told: ToldSlot) => void
  /** Called with each attempt that brought no answer. */
  readonly onMissed: (how: Miss['how']) => void
}

/** How long a request waits for news of its slot, where hosts say that they are not the ones. Then it asks again. */
const newsMs = 1500

export class ClusterRoute implements Route {
  readonly #parts: RouteParts
  readonly #wanted: Wanted
  readonly #slot: number
  readonly #source: number
  #tried: ClusterHost[] | undefined
  #breaks = 0
  #mustHold = false
  /** The revision of the slot that a host did not agree with, and until when to wait for another one. */
  #stale: { readonly revision: number; readonly until: number } | undefined
  #cause: unknown

  constructor(wanted: Wanted, parts: RouteParts) {
    this.#parts = parts
    this.#wanted = wanted
    this.#slot = slotOf(wanted.repository)
    this.#source = wanted.purpose === 'write' ? 0 : hashOf(wanted.clientAddress, hashOf(wanted.client) ^ this.#slot)
  }

  next(): Leg | undefined {
    return this.#mustHold ? undefined : this.#choose()
  }

  async hold(withinMs: number, bytes: number): Promise<Leg> {
    const overAt = performance.now() + withinMs
    this.#mustHold = false
    const { signal } = this.#wanted
    const inVain = (cause?: unknown) => this.#inVain(cause)
    const look = () => {
      // A process that stood still gets here before the timer that ends the wait.
      if (performance.now() >= overAt) throw inVain()
      return this.#choose() ?? this.#unlessDown()
    }
    const leg = await this.#parts.held.hold({ slot: this.#slot, withinMs, bytes, signal, look, inVain })
    // A host that has just come back does not get everything at once.
    const turn = await leg.host.presence.untilThere(signal, overAt - performance.now(), bytes, inVain)
    return leg.inTurn(turn)
  }

  missed(leg: Leg, { how, cause, told }: Miss): void {
    const { host, revision, isTeller } = leg as ClusterLeg
    this.#cause = cause
    this.#parts.onMissed(how)
    this.#parts.tellers.servesNot(this.#slot, host)
    // Each piece of news is newer than the one before, so this comes to an end.
    if (how === 'misplaced' && this.#hasNews(revision, told)) return void (this.#tried = undefined)
    if (how === 'broke off') this.#breaks++
    if (how === 'broke off' || how === 'failed') host.breaker.failed(performance.now())
    if (how === 'not begun') host.presence.missed(cause)
    this.#tried = this.#tried ? [...this.#tried, host] : [host]
    if (this.#wanted.purpose === 'read' && this.#bestCopy()?.isThere) return
    this.#tried = undefined
    // What broke off is sent again at once the first time.
    this.#mustHold = how !== 'broke off' || this.#breaks > 1
    if (how === 'broke off' && this.#mustHold) host.presence.missed(cause)
    if (how === 'misplaced' && !isTeller)
      this.#stale = { revision, until: performance.now() + newsMs * (0.75 + Math.random() / 2) }
  }

  /** Takes what the host has told. @returns whether another record is known than the one that the host was chosen by */
  #hasNews(revision: number, told: ToldSlot | undefined): boolean {
    const { table, onTold } = this.#parts
    if (told) onTold(this.#slot, told)
    return table.revisionAt(this.#slot) !== revision
  }

  #choose(): ClusterLeg | undefined {
    const { table, isKnown } = this.#parts
    const record = isKnown() ? table.at(this.#slot) : undefined
    if (record === undefined || this.#awaitsNews()) return undefined
    const leg = this.#wanted.purpose === 'write' ? this.#legToPrimary(record) : this.#legToCopy(record)
    return leg === undefined || leg.host.presence.isAway ? (this.#legToTeller(record) ?? leg) : leg
  }

  #awaitsNews(): boolean {
    if (this.#stale === undefined) return false
    const { revision, until } = this.#stale
    const isSame = this.#parts.table.revisionAt(this.#slot) === revision && performance.now() < until
    if (!isSame) this.#stale = undefined
    return isSame
  }

  #legToPrimary({ primary, term }: SlotRecord): ClusterLeg | undefined {
    const host = primary === undefined ? undefined : this.#parts.hosts.get(primary)
    if (host === undefined || this.#isWorthWaitingFor(host)) return undefined
    return this.#legTo(host, term)
  }

  #legToCopy({ term }: SlotRecord): ClusterLeg | undefined {
    const best = this.#bestCopy()
    if (best === undefined || this.#isWorthWaitingFor(best.host)) return undefined
    best.host.breaker.begin(performance.now())
    return this.#legTo(best.host, term, { hasOther: best.others > 0 })
  }

  #legToTeller({ primary, inSync, term }: SlotRecord): ClusterLeg | undefined {
    const serving = this.#wanted.purpose === 'read' ? inSync : primary === undefined ? [] : [primary]
    const { tellers } = this.#parts
    const host = tellers.choose(this.#slot, serving)
    return host && this.#legTo(host, term, { onServed: () => tellers.serves(this.#slot, host) })
  }

  /**
   * Of the copies that this round has not tried, the one for this source: one that is there before one that is not, and one
   * that works before one that fails. Where all fail, one of them is tried all the same; where all are away, one that may be
   * back in a moment is waited for.
   */
  #bestCopy(): { readonly host: ClusterHost; readonly isThere: boolean; readonly others: number } | undefined {
    const now = performance.now()
    let best: ClusterHost | undefined
    let bestRank = 0
    let there = 0
    for (const name of this.#parts.table.at(this.#slot)?.inSync ?? []) {
      const host = this.#parts.hosts.get(name)
      if (host === undefined || this.#tried?.includes(host)) continue
      if (!host.presence.isAway) there++
      const rank = tierOf(host, now) + scoreOf(this.#source, host.seed) / 2 ** 32
      if (best !== undefined && rank <= bestRank) continue
      best = host
      bestRank = rank
    }
    return best && { host: best, isThere: there > 0, others: there - (bestRank >= 1 ? 1 : 0) }
  }

  /** Where waiting is of no use, an attempt costs no more than a refusal, and finds out sooner when the host is back. */
  #isWorthWaitingFor({ presence }: ClusterHost): boolean {
    return this.#parts.hostWait > 0 && presence.isAway && !presence.isDown
  }

  #legTo(host: ClusterHost, term: number, kind: LegKind = {}): ClusterLeg {
    return new ClusterLeg(host, term, this.#parts.table.revisionAt(this.#slot), kind)
  }

  /** @throws {Refusal} where nobody has served the slot for longer than it takes to come back */
  #unlessDown(): undefined {
    const { table, hosts, downAfter, isKnown } = this.#parts
    if (!isKnown()) return
    const record = table.at(this.#slot)
    const names = (this.#wanted.purpose === 'write' ? record?.primary && [record.primary] : record?.inSync) || []
    if (names.some((name) => hosts.get(name))) return
    const since = Math.max(table.changedAt(this.#slot), ...names.map((name) => hosts.missingSince(name)))
    if (performance.now() - since > downAfter) throw this.#inVain()
  }

  #inVain(cause: unknown = this.#cause): Error {
    return whyNobody(this.#wanted.purpose, this.#slot, this.#parts, this.#stale !== undefined, cause)
  }
}

/** Of a copy that reads may be sent to: from 1 on, it is there. */
function tierOf({ presence, breaker, record }: ClusterHost, now: number): number {
  if (presence.isAway) return presence.isDown ? -1 : 0
  return record.isLeaving || !breaker.admits(now) ? 1 : 2
}
