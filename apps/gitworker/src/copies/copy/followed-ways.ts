/*
 * How copies come to the states that they are told. What each way costs differs by much, so operators can see how often each
 * was taken.
 *
 *   none           it had the state
 *   push           it took the offered push as it came
 *   fetch          it fetched
 *   fetch_instead  it fetched, since it could not take the push that was offered
 */
const ways = ['none', 'push', 'fetch', 'fetch_instead'] as const
export type Way = (typeof ways)[number]

/** Counts them since the start. */
export class FollowedWays {
  readonly #counts = new Map<Way, number>(ways.map((way) => [way, 0]))

  count(way: Way): void {
    this.#counts.set(way, this.#counts.get(way)! + 1)
  }

  get counts(): ReadonlyMap<Way, number> {
    return this.#counts
  }
}
