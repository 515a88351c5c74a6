import type { History, Push, Read } from '../history.ts'

/**
 * The versions of one reference, and which of them were acknowledged. Nearly all lie on one line, from the first to the
 * last: for these, a comparison of their numbers says whether one leads to the other. The rest, which nobody was told of, or
 * which were lost, are looked at one by one.
 */
export class Versions {
  readonly #history: History
  readonly #place: string
  /** The number of each version on the line. */
  readonly #numbers = new Map<string, number>()
  /** Those on the line, by the time of their acknowledgement; `highest` among them and all before. */
  readonly #onLine: { readonly push: Push; readonly highest: { readonly number: number; readonly push: Push } }[] = []
  readonly #offLine: readonly Push[]

  /** @param acknowledged all that were, for this reference */
  constructor(history: History, place: string, acknowledged: readonly Push[]) {
    this.#history = history
    this.#place = place
    const inOrder = acknowledged.toSorted((one, other) => one.ended - other.ended)
    const line = ancestryOf(history, inOrder.at(-1)?.version).toReversed()
    for (const [number, version] of line.entries()) this.#numbers.set(version, number)
    for (const push of inOrder) {
      const number = this.#numbers.get(push.version)
      if (number === undefined) continue
      const before = this.#onLine.at(-1)?.highest
      const highest = before && before.number > number ? before : { number, push }
      this.#onLine.push({ push, highest })
    }
    this.#offLine = inOrder.filter(({ version }) => !this.#numbers.has(version))
  }

  /** What was acknowledged before a read began, and is not in it; of those on the line, the newest one. */
  missingIn({ found, began }: Read): Push[] {
    if (found !== undefined) return this.#missing(found, began)
    // Nobody can tell one removal from another: what is missing in each of them is missing.
    const missing = [undefined, ...this.#history.removalsOf(this.#place)].map((one) => this.#missing(one, began))
    return missing.reduce((fewest, one) => (one.length < fewest.length ? one : fewest))
  }

  #missing(version: string | undefined, began: number): Push[] {
    const highest = this.#highestBefore(began)
    const number = version === undefined ? -1 : this.#numbers.get(version)
    if (number !== undefined && this.#offLine.length === 0)
      return highest && highest.number > number ? [highest.push] : []
    const shown = new Set(ancestryOf(this.#history, version))
    const others = this.#offLine.filter((push) => push.ended < began && !shown.has(push.version))
    return highest && !shown.has(highest.push.version) ? [...others, highest.push] : others
  }

  #highestBefore(began: number) {
    let [low, high] = [0, this.#onLine.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#onLine[middle]!.push.ended < began) low = middle + 1
      else high = middle
    }
    return this.#onLine[low - 1]?.highest
  }
}

/** A version, and all that lead to it. */
function ancestryOf(history: History, version: string | undefined): string[] {
  const ancestry = new Set<string>()
  for (let one = version; one !== undefined && !ancestry.has(one); one = history.before(one)) ancestry.add(one)
  return [...ancestry]
}
