import { mostHosts } from './loads.ts'
import type { Host, Snapshot } from './snapshot.ts'

/*
 * Which hosts keep a slot beside its primary: rendezvous hashing by weight. Each pair of host and slot has a number, and the
 * lowest numbers win, so a host that comes or goes changes only the slots that it wins or won. A host in a zone that the
 * slot is not in yet goes first.
 */

type Member = { readonly name: string; readonly hash: number; readonly weight: number; readonly zone: string }

export class CopyChoice {
  readonly #members: readonly Member[]
  readonly #zones: ReadonlyMap<string, string>
  readonly #copies: number
  readonly #described: string
  readonly #numbers: Float64Array
  /** What was chosen, by slot: while no host comes or goes, nothing is computed twice. */
  readonly #chosen: (readonly string[] | undefined)[] = []

  constructor({ hosts, copies }: Snapshot) {
    this.#copies = copies
    this.#described = describe(hosts)
    this.#zones = new Map([...hosts].map(([name, { zone }]) => [name, zone]))
    this.#members = [...hosts]
      .filter(([, host]) => isMember(host))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .slice(0, mostHosts)
      .map(([name, { weight, zone }]) => ({ name, hash: hashOf(name), weight, zone }))
    this.#numbers = new Float64Array(this.#members.length)
  }

  /** Whether the same would be chosen by these. */
  isFor({ hosts, copies }: Snapshot): boolean {
    return copies === this.#copies && describe(hosts) === this.#described
  }

  /** The primary, and those that keep the slot with it. There are fewer where there are fewer hosts. */
  of(slot: number, primary: string): readonly string[] {
    if (this.#copies === 1) return [primary]
    const known = this.#chosen[slot]
    return known?.[0] === primary ? known : (this.#chosen[slot] = this.#choose(slot, primary))
  }

  #choose(slot: number, primary: string): string[] {
    const chosen = [primary]
    for (const [index, { hash, weight }] of this.#members.entries()) {
      this.#numbers[index] = -Math.log((mixed(hash ^ Math.imul(slot + 1, 0x9e3779b1)) + 0.5) / 2 ** 32) / weight
    }
    const zones = new Set([this.#zones.get(primary) ?? ''])
    while (chosen.length < this.#copies) {
      const next = this.#best(chosen, zones)
      if (!next) break
      chosen.push(next.name)
      zones.add(next.zone)
    }
    return chosen
  }

  #best(chosen: readonly string[], zones: ReadonlySet<string>): Member | undefined {
    let found: Member | undefined
    let least = Infinity
    let isFoundApart = false
    for (const [index, member] of this.#members.entries()) {
      const isApart = member.zone === '' || !zones.has(member.zone)
      const number = this.#numbers[index]!
      const isBetter = isApart === isFoundApart ? number < least : isApart
      if (!isBetter || chosen.includes(member.name)) continue
      found = member
      least = number
      isFoundApart = isApart
    }
    return found
  }
}

function isMember({ state, weight }: Host): boolean {
  return weight > 0 && (state === 'steady' || state === 'unsteady' || state === 'missing')
}

/** What the choice depends on. */
function describe(hosts: ReadonlyMap<string, Host>): string {
  return JSON.stringify([...hosts].map(([name, host]) => [name, host.zone, isMember(host) ? host.weight : 0]))
}

/** FNV-1a, 32 bits. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash
}

/** The last step of MurmurHash3: each bit changes half of the others. */
function mixed(hash: number): number {
  let value = hash
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
