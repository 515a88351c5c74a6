import type { HostRecord } from '@sluice/shared/placement/host-record'
import type { Host } from '../decide/snapshot.ts'

/*
 * One host over time. A host that comes and goes would move thousands of slots each time, so each time that it goes counts,
 * for ten minutes, and it must then live for a while before it gets slots again:
 *
 *   steady ──gone──▶ missing ──a minute──▶ gone ──ten minutes──▶ forgotten
 *      ▲                └──back──▶ unsteady ◀──back──┘
 *      └──lived for long enough──────┘
 *
 * A host that has said that it is leaving is gone at once. That counts for half, so a restart in good order costs nothing.
 */

/** For how long a host that is gone keeps its place among the copies. */
const missingMs = 60_000

const rememberedMs = 10 * 60_000

/** How long a host must live after it went once. It doubles with each further time. */
const firstProbationMs = 30_000

/** Each counts. More would change nothing. */
const mostDepartures = 12

type Departure = { readonly at: number; readonly weight: 1 | 0.5 }

/** All times are of one clock that never goes back, in milliseconds. */
export class HostHistory {
  /** The last that could be read. */
  #record: HostRecord | undefined
  #isReadable = true
  #liveSince = 0
  #goneSince: number | undefined
  #departures: Departure[] = []

  get isGone(): boolean {
    return this.#goneSince !== undefined
  }

  /** Its key is there. @param record undefined: its value is not valid */
  see(record: HostRecord | undefined, now: number): void {
    // Another process with the same name: the one before has gone, even if nobody saw that.
    if (record && this.#record && record.run !== this.#record.run && !this.isGone) this.lose(now)
    if (this.#goneSince !== undefined) this.#liveSince = now
    this.#goneSince = undefined
    this.#isReadable = record !== undefined
    if (record) this.#record = record
  }

  /** Its key is gone. */
  lose(now: number): void {
    if (this.#goneSince !== undefined) return
    this.#goneSince = now
    this.#departures.push({ at: now, weight: this.#record?.isLeaving === true ? 0.5 : 1 })
    this.#departures = this.#departures.slice(-mostDepartures)
  }

  /** Undefined where it is gone, and not expected back. */
  at(now: number): Host | undefined {
    const { weight, zone, isLeaving } = this.#record ?? { weight: 0, zone: '', isLeaving: false }
    if (this.#goneSince !== undefined) {
      return now < this.#goneSince + missingMs && !isLeaving ? { state: 'missing', weight, zone } : undefined
    }
    if (!this.#isReadable) return { state: 'unreadable', weight: 0, zone: '' }
    if (isLeaving) return { state: 'leaving', weight, zone }
    return { state: now < this.#steadyFrom(now) ? 'unsteady' : 'steady', weight, zone }
  }

  /** Whether there is nothing left to remember. */
  isOver(now: number): boolean {
    return this.isGone && this.#recent(now).length === 0
  }

  /** When it will next be something else, if nothing happens. */
  changesAt(now: number): number {
    if (this.#goneSince !== undefined) {
      const until = this.#goneSince + missingMs
      return now < until ? until : Infinity
    }
    const from = this.#steadyFrom(now)
    return now < from ? from : Infinity
  }

  #steadyFrom(now: number): number {
    const times = Math.floor(this.#recent(now).reduce((sum, { weight }) => sum + weight, 0))
    if (times === 0) return this.#liveSince
    return this.#liveSince + Math.min(firstProbationMs * 2 ** (times - 1), rememberedMs)
  }

  #recent(now: number): Departure[] {
    return this.#departures.filter(({ at }) => now < at + rememberedMs)
  }
}
