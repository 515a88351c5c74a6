import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { hashOf, scoreOf } from '@sluice/shared/placement/rendezvous'
import { mostHosts } from './loads.ts'
import type { Host, Slot, Snapshot } from './snapshot.ts'

/*
 * Which hosts keep a slot: rendezvous hashing by weight. Each pair of host and slot has a number, and the lowest numbers win,
 * so a host that comes or goes changes only the slots that it wins or won. A host in a zone that the slot is not in yet goes
 * first. With one folder for all, the primary is one of them whatever its number: it costs nothing to keep it there. On the
 * hosts' own disks the numbers decide alone, and the primary follows.
 */

export class CopyChoice {
  readonly #copies: number
  readonly #isOwn: boolean
  readonly #described: string
  /** By the number of a host. */
  readonly #names: readonly string[]
  readonly #hashes: Int32Array
  readonly #weights: Float64Array
  /** A number for each zone; 0: none. */
  readonly #zones: Int32Array
  readonly #zoneOf: ReadonlyMap<string, number>
  /** Of the slot that is looked at. Infinite: it is chosen already. */
  readonly #numbers: Float64Array
  /** What was chosen, by slot: while no host comes or goes, nothing is computed twice. */
  readonly #chosen: (readonly string[] | undefined)[] = []

  constructor({ hosts, copies, storage }: Snapshot) {
    this.#copies = copies
    this.#isOwn = storage === 'own'
    this.#described = describe(hosts, this.#isOwn)
    const members = [...hosts]
      .filter(([, host]) => isMember(host, this.#isOwn))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .slice(0, mostHosts)
    const zones = [...new Set(['', ...[...hosts.values()].map(({ zone }) => zone)])]
    this.#zoneOf = new Map([...hosts].map(([name, { zone }]) => [name, zones.indexOf(zone)]))
    this.#names = members.map(([name]) => name)
    this.#hashes = Int32Array.from(this.#names, (name) => hashOf(name))
    this.#weights = Float64Array.from(members, ([, { weight }]) => weight)
    this.#zones = Int32Array.from(this.#names, (name) => this.#zoneOf.get(name)!)
    this.#numbers = new Float64Array(members.length)
  }

  /** Whether the same would be chosen by these. */
  isFor({ hosts, copies, storage }: Snapshot): boolean {
    const isOwn = storage === 'own'
    return copies === this.#copies && isOwn === this.#isOwn && describe(hosts, isOwn) === this.#described
  }

  /**
   * Those that keep the slot. There are fewer where there are fewer hosts. With one folder for all, the first is the primary.
   *
   * @param primary of the slot as it is; undefined: it has none
   */
  of(slot: number, primary: string | undefined): readonly string[] {
    const known = this.#chosen[slot]
    if (this.#isOwn) return known ?? (this.#chosen[slot] = this.#choose(slot, undefined))
    if (this.#copies === 1 && primary !== undefined) return [primary]
    return known && known[0] === primary ? known : (this.#chosen[slot] = this.#choose(slot, primary))
  }

  /** Chooses for all slots beforehand, and lets others have the event loop meanwhile. */
  async prepare(slots: readonly Slot[]): Promise<void> {
    if (this.#copies === 1 && !this.#isOwn) return
    const turn = new LoopTurn()
    for (const slot of slots) {
      if (slot.kind === 'placed' && slot.record.primary !== undefined) this.of(slot.number, slot.record.primary)
      await turn.letOthers()
    }
  }

  #choose(slot: number, primary: string | undefined): string[] {
    const numbers = this.#numbers
    const ofSlot = Math.imul(slot + 1, 0x9e3779b1)
    for (let at = 0; at < numbers.length; at++) {
      numbers[at] = -Math.log((scoreOf(ofSlot, this.#hashes[at]!) + 0.5) / 2 ** 32) / this.#weights[at]!
    }
    const itself = primary === undefined ? -1 : this.#names.indexOf(primary)
    if (itself !== -1) numbers[itself] = Infinity
    const chosen = primary === undefined ? [] : [primary]
    const zones = chosen.map((name) => this.#zoneOf.get(name) ?? 0)
    while (chosen.length < this.#copies) {
      const next = this.#best(zones)
      if (next === -1) break
      numbers[next] = Infinity
      chosen.push(this.#names[next]!)
      zones.push(this.#zones[next]!)
    }
    return chosen
  }

  /** The number of the best host that is left. -1: none is. */
  #best(used: readonly number[]): number {
    let best = -1
    let least = Infinity
    let isBestApart = false
    for (let at = 0; at < this.#numbers.length; at++) {
      const number = this.#numbers[at]!
      if (number === Infinity) continue
      const zone = this.#zones[at]!
      const isApart = zone === 0 || !used.includes(zone)
      if (isApart === isBestApart ? number >= least : isBestApart) continue
      best = at
      least = number
      isBestApart = isApart
    }
    return best
  }
}

/** A host that leaves mostly comes back, so on its own disk it keeps its place, as one does that is away for a moment. */
function isMember({ state, weight }: Host, isOwn: boolean): boolean {
  const stays = state === 'steady' || state === 'unsteady' || state === 'missing' || (isOwn && state === 'leaving')
  return weight > 0 && stays
}

/** What the choice depends on. */
function describe(hosts: ReadonlyMap<string, Host>, isOwn: boolean): string {
  return JSON.stringify([...hosts].map(([name, host]) => [name, host.zone, isMember(host, isOwn) ? host.weight : 0]))
}
