import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SlotHolds } from '../placement/slot-holds.ts'
import type { KnownSlot, SlotTable } from '../table/slot-table.ts'
import type { SlotSwaps } from './slot-swaps.ts'

/*
 * The balancer asks a primary to hand a slot over by writing the next one into its record:
 *
 *   primary ──next──▶ closed to new pushes ──none runs──▶ swapping ──done──▶ another's
 *      ▲                │ too long, or next is taken back    │ not done
 *      └────────────────┴────────────────────────────────────┘
 *
 * New pushes are told that they are misplaced, so their gateways hold them until they hear of the next primary. Reads go on.
 */

/** For pushes that run, in milliseconds. After that they keep the slot, until the balancer asks again. */
const longestWaitMs = 30_000

/** What it takes a gateway to ask again (two seconds), and a slow etcd to make a slot another's. Milliseconds. */
const marginMs = 5000

const attempts = 3
const betweenAttemptsMs = 200

export type HandoverServices = {
  readonly name: string
  readonly table: SlotTable
  readonly holds: SlotHolds
  readonly swaps: Pick<SlotSwaps, 'giveTo'>
  readonly log: Logger
  /** For how long a slot may be closed because pushes run in it, in milliseconds. */
  readonly longestWait: number
}

/**
 * For how long a slot may be closed: a push that is turned away as soon as it is must still be held when the slot is open
 * again.
 *
 * @param hostWait for how long gateways hold pushes; this and the result are milliseconds
 */
export function longestWaitFor(hostWait: number): number {
  return Math.max(0, Math.min(longestWaitMs, hostWait - marginMs))
}

export class Handovers implements AsyncDisposable {
  readonly #services: HandoverServices
  readonly #ending = new AbortController()
  readonly #underWay = new Map<number, { readonly over: Promise<void>; readonly stop: AbortController }>()
  /** The revisions at which slots could not be handed over. It is not tried again before the balancer asks again. */
  readonly #givenUp = new Map<number, number>()
  readonly #listening: Disposable
  #doneCount = 0

  constructor(services: HandoverServices) {
    this.#services = services
    this.#listening = services.table.listen((slot) => this.#look(slot))
  }

  /** Slots that are closed, and wait for what runs in them. */
  get underWay(): ReadonlySet<number> {
    return new Set(this.#underWay.keys())
  }

  /** Slots that were handed over since the start. */
  get done(): number {
    return this.#doneCount
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]()
    this.#ending.abort()
    for (const { stop } of this.#underWay.values()) stop.abort()
    await Promise.all([...this.#underWay.values()].map(({ over }) => over))
  }

  #look(slot: number): void {
    const known = this.#services.table.at(slot)
    const running = this.#underWay.get(slot)
    if (running && !this.#isWanted(known)) running.stop.abort()
    if (running || !this.#isWanted(known) || this.#givenUp.get(slot) === known.revision) return
    const stop = new AbortController()
    // The last look may have been at an older record.
    const over = this.#handOver(slot, stop.signal).finally(() => {
      this.#underWay.delete(slot)
      if (!this.#ending.signal.aborted) this.#look(slot)
    })
    this.#underWay.set(slot, { over, stop })
  }

  #isWanted({ record }: KnownSlot): boolean {
    const { name } = this.#services
    const { next } = record ?? {}
    return record?.primary === name && next !== undefined && next !== name && record.inSync.includes(next)
  }

  async #handOver(slot: number, signal: AbortSignal): Promise<void> {
    const { table, holds, log, longestWait } = this.#services
    const since = performance.now()
    try {
      const isUnused = await holds.close(slot, longestWait, signal)
      const { record, revision: seen } = table.at(slot)
      const { term, revision } = isUnused ? await this.#give(slot, signal) : { term: undefined, revision: seen }
      if (term !== undefined) return void this.#doneCount++
      this.#givenUp.set(slot, revision)
      if (signal.aborted) return
      const ms = Math.round(performance.now() - since)
      const why = isUnused ? 'its record has changed, or the next host does not live' : 'pushes still run in it'
      log.info({ slot, to: record?.next, revision, ms, why }, 'a slot is not handed over yet')
    } finally {
      holds.reopen(slot)
    }
  }

  /** @returns the new term, undefined where it was not handed over; and the revision that was tried last */
  async #give(slot: number, signal: AbortSignal): Promise<{ term: number | undefined; revision: number }> {
    const { table, swaps } = this.#services
    let known = table.at(slot)
    for (let attempt = 1; this.#isWanted(known); attempt++) {
      const term = await swaps.giveTo(slot, known, this.#ending.signal)
      if (term !== undefined || signal.aborted || attempt === attempts) return { term, revision: known.revision }
      // The watch may be late with a change of the record, or of the next host.
      await pause(betweenAttemptsMs, undefined, { signal }).catch(() => {})
      known = table.at(slot)
    }
    return { term: undefined, revision: known.revision }
  }
}
