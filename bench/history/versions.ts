import type { History, Push, Read } from './history.ts'

type OnLine = { readonly push: Push; readonly highest: { readonly number: number; readonly push: Push } }

/**
 * The versions of one reference, and which of them were acknowledged. Nearly all lie on one line, from the first to the
 * last: for these, a comparison of their numbers says whether one leads to the other. The rest, which nobody was told of, or
 * which were lost, are looked at one by one.
 */
export class Versions {
  readonly #history: History
  readonly #place: string
  readonly #acknowledged: Push[] = []
  /** The number of each version on the line. */
  readonly #numbers = new Map<string, number>()
  #last: string | undefined
  /** Those on the line, by the time of their acknowledgement; `highest` among them and all before. */
  #onLine: OnLine[] = []
  #offLine: Push[] = []

  constructor(history: History, place: string) {
    this.#history = history
    this.#place = place
  }

  /** @param push was acknowledged, after all that were added before */
  add(push: Push): void {
    this.#acknowledged.push(push)
    if (this.#numbers.has(push.version)) return this.#file(push)
    const { way, from } = this.#wayTo(push.version)
    if (from !== this.#last) return this.#startAgain(push)
    this.#lengthen(way)
    this.#file(push)
  }

  /** What was acknowledged before a read began, and is not in it; of those on the line, the newest one. */
  missingIn({ found, began, removals }: Read): Push[] {
    if (found !== undefined) return this.#missing(found, began)
    // Nobody can tell one removal from another: what is missing in each of them is missing.
    const all = this.#history.removalsOf(this.#place)
    let fewest = this.#missing(undefined, began)
    for (let at = removals - 1; at >= 0 && fewest.length > 0; at--) {
      const missing = this.#missing(all[at], began)
      if (missing.length < fewest.length) fewest = missing
    }
    return fewest
  }

  #missing(version: string | undefined, began: number): Push[] {
    const highest = this.#highestBefore(began)
    if (this.#offLine.length === 0) {
      const { from } = this.#wayTo(version)
      const number = from === undefined ? -1 : this.#numbers.get(from)!
      return highest && highest.number > number ? [highest.push] : []
    }
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

  /** The versions that lead from the line to one, and where they leave it. */
  #wayTo(version: string | undefined): { readonly way: readonly string[]; readonly from: string | undefined } {
    const way = new Set<string>()
    let one = version
    for (; one !== undefined && !this.#numbers.has(one) && !way.has(one); one = this.#history.before(one)) way.add(one)
    return { way: [...way].toReversed(), from: one }
  }

  #lengthen(way: readonly string[]): void {
    for (const version of way) this.#numbers.set(version, this.#numbers.size)
    this.#last = way.at(-1)
  }

  /** Something was lost: the line is what leads to the newest. */
  #startAgain({ version }: Push): void {
    this.#numbers.clear()
    this.#onLine = []
    this.#offLine = []
    this.#lengthen(ancestryOf(this.#history, version).toReversed())
    for (const push of this.#acknowledged) this.#file(push)
  }

  #file(push: Push): void {
    const number = this.#numbers.get(push.version)
    if (number === undefined) return void this.#offLine.push(push)
    const before = this.#onLine.at(-1)?.highest
    const highest = before && before.number > number ? before : { number, push }
    this.#onLine.push({ push, highest })
  }
}

/** A version, and all that lead to it. */
function ancestryOf(history: History, version: string | undefined): string[] {
  const ancestry = new Set<string>()
  for (let one = version; one !== undefined && !ancestry.has(one); one = history.before(one)) ancestry.add(one)
  return [...ancestry]
}
