import { LRUCache } from 'lru-cache'

/** When there are more, those that were not cloned for the longest time are forgotten. */
const maxKnown = 10_000

const dayMs = 24 * 60 * 60_000

type Count = { readonly since: number; readonly clones: number; readonly dayBefore: number }

/** Counts how often repositories are cloned, by the day. */
export class CloneCounts {
  readonly #threshold: number
  readonly #now: () => number
  readonly #counts = new LRUCache<string, Count>({ max: maxKnown })

  /**
   * @param threshold how many clones a day are often
   * @param now in milliseconds, by a clock that is never put back
   */
  constructor(threshold: number, now: () => number = () => performance.now()) {
    this.#threshold = threshold
    this.#now = now
  }

  /** @returns whether this clone has made the repository one that is cloned often */
  add(gitDir: string): boolean {
    const count = this.#today(gitDir)
    const clones = count.clones + 1
    this.#counts.set(gitDir, { ...count, clones })
    return clones === this.#threshold && count.dayBefore < this.#threshold
  }

  /** Whether it was cloned often today, or on the day before. */
  isOften(gitDir: string): boolean {
    const { clones, dayBefore } = this.#today(gitDir)
    return Math.max(clones, dayBefore) >= this.#threshold
  }

  #today(gitDir: string): Count {
    const now = this.#now()
    const known = this.#counts.get(gitDir)
    const age = known === undefined ? Infinity : now - known.since
    if (known === undefined || age >= 2 * dayMs) return { since: now, clones: 0, dayBefore: 0 }
    return age < dayMs ? known : { since: known.since + dayMs, clones: 0, dayBefore: known.clones }
  }
}
