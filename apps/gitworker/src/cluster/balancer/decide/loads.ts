import { maySelect } from './snapshot.ts'
import type { Host } from './snapshot.ts'

/*
 * How many slots each host has, against its fair share by weight. A host's level is what it has beyond that share. Slots go
 * to the lowest level, and come from the highest, so each move that is decided makes the levels more even.
 */

/** More hosts than this get no slots. It bounds what a decision costs. */
export const mostHosts = 128

type Load = { readonly name: string; readonly weight: number; share: number; count: number }

export class Loads {
  readonly #loads: readonly Load[]
  readonly #byName: ReadonlyMap<string, Load>
  /** Whether there is no better host than those that otherwise get nothing. They take what has no host, and that is all. */
  readonly isLastResort: boolean

  /** Counts nothing yet, and knows no shares. */
  constructor(hosts: ReadonlyMap<string, Host>) {
    this.#loads = candidates(hosts)
    this.isLastResort = !this.#loads.some(({ name, weight }) => hosts.get(name)?.state === 'steady' && weight > 0)
    this.#byName = new Map(this.#loads.map((load) => [load.name, load]))
  }

  get isEmpty(): boolean {
    return this.#loads.length === 0
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  add(name: string, count = 1): void {
    const load = this.#byName.get(name)
    if (load) load.count += count
  }

  /** @param total all slots that the shares are shares of */
  share(total: number): void {
    const weights = this.#loads.reduce((sum, { weight }) => sum + weight, 0)
    for (const load of this.#loads) {
      load.share = weights === 0 ? total / this.#loads.length : (total * load.weight) / weights
    }
  }

  level(name: string): number {
    const load = this.#byName.get(name)
    return load ? load.count - load.share : 0
  }

  /** The host with the lowest level. @param among undefined: all */
  lowest(among?: readonly string[]): string | undefined {
    let found: Load | undefined
    for (const load of this.#loads) {
      if (among && !among.includes(load.name)) continue
      if (!found || load.count - load.share < found.count - found.share) found = load
    }
    return found?.name
  }

  /** One of these hosts if a whole slot is missing from its share, else the host with the lowest level. */
  lowestWithin(preferred: readonly string[]): string | undefined {
    const found = this.lowest(preferred)
    return found !== undefined && this.level(found) <= -1 ? found : this.lowest()
  }

  /** The host with the highest level. */
  highest(except: ReadonlySet<string>): string | undefined {
    let found: Load | undefined
    for (const load of this.#loads) {
      if (except.has(load.name)) continue
      if (!found || load.count - load.share > found.count - found.share) found = load
    }
    return found?.name
  }
}

/**
 * The hosts that slots are given to. Where there is no steady host with a weight, one that is unsteady does, and then one of
 * weight 0: a slot without a host is worse.
 */
function candidates(hosts: ReadonlyMap<string, Host>): Load[] {
  const open = [...hosts].filter(([, host]) => maySelect(host))
  const weighted = open.filter(([, { weight }]) => weight > 0)
  const steady = weighted.filter(([, { state }]) => state === 'steady')
  const best = [steady, weighted, open].find((some) => some.length > 0) ?? []
  return best
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .slice(0, mostHosts)
    .map(([name, { weight }]) => ({ name, weight, share: 0, count: 0 }))
}
