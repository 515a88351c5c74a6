import type { Pushed } from './git-requests.ts'

/*
 * What clients were told and saw. All times are of one clock, in milliseconds.
 *
 * A version is what a reference is after one change: the id of a commit that nobody else has made, or the name of one
 * removal. git changes a reference only from what its pusher takes it for, so each version has one before it, whatever the
 * commits' parents are. What was acknowledged must be among the versions that lead to what is read later.
 */

type Span = { readonly began: number; readonly ended: number }
/** `isHeld`: gateways hold it where no host could take it. */
export type Push = Span & { readonly place: string; readonly version: string; readonly isHeld: boolean } & Pushed
/** `isLast`: when all is over. */
export type Read = Span & {
  readonly place: string
  readonly by: string
  readonly found: string | undefined
  readonly isLast: boolean
}
/** A host has said that it is primary of a slot, or acknowledged a push of it. */
export type Claim = Span & { readonly host: string; readonly slot: number; readonly what: string }
/** etcd was asked for the record of a slot. */
export type Look = Span & { readonly slot: number; readonly revision: number }
export type Placed = { readonly slot: number; readonly revision: number; readonly primary: string | undefined }
/** A host's process stood still. */
export type Pause = Span & { readonly host: string }

export class History {
  readonly pushes: Push[] = []
  readonly reads: Read[] = []
  readonly claims: Claim[] = []
  readonly looks: Look[] = []
  readonly pauses: Pause[] = []
  readonly #before = new Map<string, string | undefined>()
  readonly #removals = new Map<string, string[]>()
  readonly #placed = new Map<string, Placed>()
  #calmSince = Infinity

  /** @param before the version that it is to follow; undefined: there is none */
  made(version: string, before: string | undefined): void {
    this.#before.set(version, before)
  }

  /** @returns the version of a reference that is about to be removed */
  madeRemoval(place: string, before: string | undefined): string {
    const version = `removal of ${before} from ${place} (${this.#before.size})`
    this.made(version, before)
    this.#removals.set(place, [...this.removalsOf(place), version])
    return version
  }

  removalsOf(place: string): readonly string[] {
    return this.#removals.get(place) ?? []
  }

  /** The version that one follows. */
  before(version: string): string | undefined {
    return this.#before.get(version)
  }

  pushed(push: Push): void {
    this.pushes.push(push)
  }

  read(read: Read): void {
    this.reads.push(read)
  }

  claimed(claim: Claim): void {
    this.claims.push(claim)
  }

  looked(look: Look): void {
    this.looks.push(look)
  }

  paused(pause: Pause): void {
    this.pauses.push(pause)
  }

  placed(placed: Placed): void {
    this.#placed.set(keyOf(placed), placed)
  }

  /** Who was primary of a slot from a revision on, as far as anybody has seen it. */
  placedAt(at: Pick<Placed, 'slot' | 'revision'>): Placed | undefined {
    return this.#placed.get(keyOf(at))
  }

  get places(): readonly Placed[] {
    return [...this.#placed.values()]
  }

  /** From now on, nothing goes wrong on purpose. */
  isCalmSince(milliseconds: number): void {
    this.#calmSince = milliseconds
  }

  get calmSince(): number {
    return this.#calmSince
  }

  get counts(): Record<string, number> {
    const of = (outcome: Pushed['outcome']) => this.pushes.filter((push) => push.outcome === outcome).length
    return {
      'pushes acknowledged': of('acknowledged'),
      'pushes refused': of('refused'),
      'pushes of which nobody knows': of('unknown'),
      'reads': this.reads.length,
      'times that a host said it was primary': this.claims.length,
      'changes of primary': this.#changesOfPrimary,
    }
  }

  /** Why pushes were not acknowledged, and how often. */
  get reasons(): Map<string, number> {
    const reasons = new Map<string, number>()
    for (const { outcome, why } of this.pushes) {
      if (outcome !== 'acknowledged') reasons.set(`${outcome}: ${why}`, (reasons.get(`${outcome}: ${why}`) ?? 0) + 1)
    }
    return reasons
  }

  get #changesOfPrimary(): number {
    let changes = 0
    for (const placed of Map.groupBy(this.places, ({ slot }) => slot).values()) {
      const inOrder = placed.toSorted((one, other) => one.revision - other.revision)
      changes += inOrder.filter(({ primary }, at) => at > 0 && primary !== inOrder[at - 1]!.primary).length
    }
    return changes
  }
}

function keyOf({ slot, revision }: Pick<Placed, 'slot' | 'revision'>): string {
  return `${slot} ${revision}`
}
