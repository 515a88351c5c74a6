import { LRUCache } from 'lru-cache'

/*
 * Which repositories are looked at, when, and which of those that need something comes first. Time is given by the caller.
 *
 *   touched ──▶ due at a time ──its time has come──▶ looked at ──needs something──▶ waits ──begin──▶ runs
 *      ▲                                               └── needs nothing ──▶ rests ◀──────── over ────┘
 *      └── touched again: due anew, the sooner the less it has cost before ────────┘
 *
 * A repository that nobody touches is in no state at all.
 */

/** After the first touch. Pushes that come meanwhile are looked at together. */
const pauseMs = 5000

/** A repository is not looked at again before this many times what its last run took. */
const costFactor = 10

/**
 * A run after which a look still asks for one counts as having taken at least so long, so that the next comes an hour later:
 * some settings of a repository forbid what maintenance is after.
 */
const vainRunMs = 6 * 60_000

const momentMs = 10_000

const firstBackoffMs = 10 * 60_000
const longestBackoffMs = 24 * 60 * 60_000

/** When there are more, those that were not touched for the longest time are forgotten until they are touched again. */
const maxKnown = 10_000

type Entry = {
  state: 'resting' | 'due' | 'waiting' | 'running'
  /** When it may be looked at next. */
  dueAt: number
  notBefore: number
  /** Fetches since the last run: what a run would have made cheaper. */
  fetches: number
  failures: number
  isTouched: boolean
}

export class Schedule {
  readonly #entries = new LRUCache<string, Entry>({ max: maxKnown })
  readonly #due = new Set<string>()
  readonly #waiting = new Set<string>()

  /** How many repositories are in each state. */
  get counts(): Readonly<Record<'due' | 'waiting', number>> {
    return { due: this.#due.size, waiting: this.#waiting.size }
  }

  /** A request to a repository is over. @param isPush whether it may have changed something */
  touch(gitDir: string, isPush: boolean, now: number): void {
    const known = this.#entries.get(gitDir)
    const entry = known ?? this.#add(gitDir)
    if (!isPush) entry.fetches++
    // A fetch changes nothing, so only the first one since the start leads to a look.
    if (known && !isPush) return
    entry.isTouched = true
    if (entry.state === 'resting') this.#makeDue(gitDir, entry, now + pauseMs)
  }

  /** The repositories whose time for a look has come. Each must be answered by `needs` or `rests`. */
  takeDue(now: number, most: number): string[] {
    const taken: string[] = []
    for (const gitDir of this.#due) {
      if (taken.length >= most) break
      const entry = this.#entries.peek(gitDir)
      if (entry && entry.dueAt > now) continue
      this.#due.delete(gitDir)
      if (!entry) continue
      entry.isTouched = false
      taken.push(gitDir)
    }
    return taken
  }

  /** A look has shown that it needs something. */
  needs(gitDir: string): void {
    const entry = this.#entries.peek(gitDir)
    if (!entry) return
    entry.state = 'waiting'
    this.#waiting.add(gitDir)
  }

  /** A look has shown that it needs nothing, or a run is over. */
  rests(gitDir: string, now: number, took = 0): void {
    const entry = this.#entries.peek(gitDir)
    if (!entry) return
    entry.state = 'resting'
    entry.notBefore = now + took * costFactor
    if (entry.isTouched) this.#makeDue(gitDir, entry, now + pauseMs)
  }

  /** The repository that gains most, which now runs. Undefined if none waits. */
  begin(): string | undefined {
    let best: string | undefined
    let most = -1
    for (const gitDir of this.#waiting) {
      const entry = this.#entries.peek(gitDir)
      if (!entry) this.#waiting.delete(gitDir)
      else if (entry.fetches > most) [best, most] = [gitDir, entry.fetches]
    }
    const entry = best === undefined ? undefined : this.#entries.get(best)
    if (best === undefined || !entry) return undefined
    this.#waiting.delete(best)
    Object.assign(entry, { state: 'running', fetches: 0, isTouched: false })
    return best
  }

  /** @param isVain whether a look would ask for the same again */
  succeeded(gitDir: string, now: number, took: number, isVain = false): void {
    const entry = this.#entries.peek(gitDir)
    if (entry) entry.failures = 0
    this.rests(gitDir, now, isVain ? Math.max(took, vainRunMs) : took)
  }

  /** It is tried again after a pause that doubles with each failure. */
  failed(gitDir: string, now: number): void {
    const entry = this.#entries.peek(gitDir)
    if (!entry) return
    const pause = Math.min(longestBackoffMs, firstBackoffMs * 2 ** entry.failures++)
    entry.state = 'resting'
    entry.notBefore = now + pause
    this.#makeDue(gitDir, entry, entry.notBefore)
  }

  /** Another is at work there, which is no failure: it is tried again in a moment. */
  gaveWay(gitDir: string, now: number): void {
    const entry = this.#entries.peek(gitDir)
    if (entry) this.#makeDue(gitDir, entry, now + momentMs)
  }

  #add(gitDir: string): Entry {
    const entry: Entry = { state: 'resting', dueAt: 0, notBefore: 0, fetches: 0, failures: 0, isTouched: false }
    this.#entries.set(gitDir, entry)
    return entry
  }

  #makeDue(gitDir: string, entry: Entry, at: number): void {
    entry.state = 'due'
    entry.dueAt = Math.max(at, entry.notBefore)
    this.#due.add(gitDir)
  }
}
