import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '@sluice/shared/testing/cluster'
import type { Member } from '@sluice/shared/testing/member'
import { oneOf } from '../random.ts'

export type TurnParts = {
  readonly cluster: Cluster
  readonly random: () => number
  readonly primaries: () => readonly string[]
  readonly claims: Claims
}

/** What the turns that are under way have taken. */
export class Claims {
  readonly taken = new Set<Member | 'etcd'>()
  /** Whether one of them is to be the only one. */
  isClosed = false
}

const lookEveryMs = 50

/** What one fault has for itself, until it is disposed of: two faults of one member would end each other's. */
export class Turn implements Disposable {
  readonly #parts: TurnParts
  readonly #taken: (Member | 'etcd')[] = []
  #isAlone = false

  constructor(parts: TurnParts) {
    this.#parts = parts
  }

  /** @returns whether it is this turn's now, or has been before */
  takes(one: Member | 'etcd'): boolean {
    const { claims } = this.#parts
    if (this.#taken.includes(one)) return true
    if (claims.taken.has(one) || (claims.isClosed && !this.#isAlone)) return false
    claims.taken.add(one)
    this.#taken.push(one)
    return true
  }

  /** Waits until no other fault is under way, and lets none begin. @returns false where another turn waits for the same */
  async isAlone(): Promise<boolean> {
    const { claims } = this.#parts
    if (claims.isClosed) return false
    claims.isClosed = this.#isAlone = true
    while (claims.taken.size > 0) await pause(lookEveryMs)
    return true
  }

  /** Whether nothing can have gone wrong by it. */
  get isEmpty(): boolean {
    return this.#taken.length === 0 && !this.#isAlone
  }

  /** A host, mostly one that clients push to. Undefined: it is taken. */
  host(): Member | undefined {
    const { cluster, random, primaries } = this.#parts
    const primary = oneOf(random, primaries())
    const named = random() < 0.85 ? cluster.hosts.find(({ name }) => name === primary) : undefined
    return this.#taking(named ?? oneOf(random, cluster.hosts))
  }

  gateway(): Member | undefined {
    return this.#taking(oneOf(this.#parts.random, this.#parts.cluster.gateways))
  }

  [Symbol.dispose](): void {
    const { claims } = this.#parts
    for (const one of this.#taken) claims.taken.delete(one)
    if (this.#isAlone) claims.isClosed = false
  }

  #taking(one: Member): Member | undefined {
    return this.takes(one) ? one : undefined
  }
}
