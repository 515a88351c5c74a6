import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotView } from '../slot-view.ts'

/*
 * What a primary does for each copy of its slots:
 *
 *   unknown ──lives──▶ due ──begin──▶ under way ──succeeded──▶ settled: in sync, and looked at in this term
 *      ▲                ▲                └────failed──▶ waits, twice as long each time
 *      │                └─────time is over───────────────────┘│
 *      └── its host does not live, or the term is another one ┘
 */

export type Attempt = {
  readonly slot: number
  readonly copy: string
  readonly term: number
  /** `idle`: unknown, due or waiting. */
  state: 'idle' | 'under way' | 'settled'
  failures: number
  /** On the clock of `performance.now()`. */
  notBefore: number
  /** Since when its host has been a member, as of the beginning of this one. */
  since: number | undefined
  /** Whether its host did not live for a while since this one was begun: what it was brought before may be lost. */
  wasAway: boolean
  /** Why the last one has failed. */
  why: string | undefined
}

const longestPauseMs = 5 * 60_000

export class Attempts {
  readonly #view: SlotView
  readonly #firstPause: number
  #known = new Map<string, Attempt>()

  /** @param firstPause milliseconds before the first attempt after a failure. It doubles each time */
  constructor(view: SlotView, firstPause: number) {
    this.#view = view
    this.#firstPause = firstPause
  }

  /** All for slots of this host, by what was known when it last looked. */
  get all(): readonly Attempt[] {
    return [...this.#known.values()]
  }

  /** Looks at all slots. @returns what is due, which must be begun or left for the next look */
  due(slots: number, now = performance.now()): Attempt[] {
    // What is under way is not begun twice, although the slot may have been another host's for a moment.
    const known = new Map([...this.#known].filter(([, { state }]) => state === 'under way'))
    const due: Attempt[] = []
    for (let slot = 0; slot < slots; slot++) {
      const record = this.#view.slot(slot)
      if (record?.primary !== this.#view.name) continue
      for (const copy of record.copies) {
        if (copy === this.#view.name) continue
        const attempt = this.#of(slot, copy, record)
        known.set(keyOf(slot, copy), attempt)
        if (this.#isDue(attempt, record, now)) due.push(attempt)
      }
    }
    this.#known = known
    return due
  }

  begin(attempt: Attempt): void {
    Object.assign(attempt, { state: 'under way', since: this.#view.sinceOf(attempt.copy), wasAway: false })
  }

  succeeded(attempt: Attempt): void {
    Object.assign(attempt, { state: 'settled', failures: 0, notBefore: 0, why: undefined })
  }

  failed(attempt: Attempt, why: string, now = performance.now()): void {
    const pause = Math.min(longestPauseMs, this.#firstPause * 2 ** attempt.failures++)
    Object.assign(attempt, { state: 'idle', notBefore: now + pause, why })
  }

  /** It was ended for a reason of this host's: that is no failure. */
  gaveWay(attempt: Attempt, now = performance.now()): void {
    Object.assign(attempt, { state: 'idle', notBefore: now + this.#firstPause })
  }

  #of(slot: number, copy: string, { term }: SlotRecord): Attempt {
    const known = this.#known.get(keyOf(slot, copy))
    if (known && (known.term === term || known.state === 'under way')) return known
    return {
      slot,
      copy,
      term,
      state: 'idle',
      failures: 0,
      notBefore: 0,
      since: undefined,
      wasAway: false,
      why: undefined,
    }
  }

  #isDue(attempt: Attempt, { inSync }: SlotRecord, now: number): boolean {
    const since = this.#view.sinceOf(attempt.copy)
    if (attempt.state === 'under way') {
      attempt.wasAway ||= since !== attempt.since
      return false
    }
    if (since === undefined) {
      // When it is back, it is tried at once.
      Object.assign(attempt, { state: 'idle', failures: 0, notBefore: 0 })
      return false
    }
    if (attempt.state === 'settled' && inSync.includes(attempt.copy)) return false
    return attempt.notBefore <= now
  }
}

function keyOf(slot: number, copy: string): string {
  return `${slot} ${copy}`
}
