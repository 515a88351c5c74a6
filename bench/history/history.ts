import type { Pushed } from './git-requests.ts'
import { Placements } from './placements.ts'
import { Versions } from './versions.ts'

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
/** `isLast`: when all is over. `removals`: how many may have led to what was found. */
export type Read = Span & {
  readonly place: string
  readonly by: string
  readonly found: string | undefined
  readonly isLast: boolean
  readonly removals: number
}
/** A host has said that it is primary of a slot, or acknowledged a push of it. */
export type Claim = Span & { readonly host: string; readonly slot: number; readonly what: string }
/** etcd was asked for the record of a slot. */
export type Look = Span & { readonly slot: number; readonly revision: number }
/** A host's process stood still, or heard nothing of its copies. */
export type Pause = Span & { readonly host: string }

/** What a watch of etcd shows may come later. */
const claimsStayMs = 20_000
/** A claim may take some seconds. */
const looksStayMs = 120_000

export class History {
  readonly pushes: Push[] = []
  readonly pauses: Pause[] = []
  readonly placements = new Placements()
  readonly #before = new Map<string, string | undefined>()
  readonly #removals = new Map<string, string[]>()
  readonly #versions = new Map<string, Versions>()
  /** Acknowledged, by what they follow. */
  readonly #following = new Map<string, Push[]>()
  readonly #forks = new Set<readonly Push[]>()
  readonly #seen = new Set<string>()
  /** By slot. */
  readonly #lastClaims = new Map<number, Claim>()
  readonly #lastLooks = new Map<number, Look>()
  readonly #forgotten = { reads: 0, claims: 0 }
  #reads: Read[] = []
  #claims: Claim[] = []
  #looks: Look[] = []
  #longestWithoutPrimary = 0
  #calmSince = Infinity

  /** @param before the version that it is to follow; undefined: there is none */
  made(version: string, before: string | undefined): void {
    this.#before.set(version, before)
  }

  /** @returns the version of a reference that is about to be removed */
  madeRemoval(place: string, before: string | undefined): string {
    const version = `removal of ${before} from ${place} (${this.#before.size})`
    this.made(version, before)
    const removals = this.#removals.get(place)
    if (removals) removals.push(version)
    else this.#removals.set(place, [version])
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
    if (push.outcome !== 'acknowledged') return
    this.versionsOf(push.place).add(push)
    const after = `${push.place} after ${this.before(push.version)}`
    const following = this.#following.get(after)
    if (!following) return void this.#following.set(after, [push])
    following.push(push)
    this.#forks.add(following)
  }

  versionsOf(place: string): Versions {
    const known = this.#versions.get(place)
    if (known) return known
    const versions = new Versions(this, place)
    this.#versions.set(place, versions)
    return versions
  }

  /** Acknowledged pushes that follow the same version. */
  get forks(): readonly (readonly Push[])[] {
    return [...this.#forks]
  }

  read(read: Omit<Read, 'removals'>): void {
    this.#reads.push({ ...read, removals: this.removalsOf(read.place).length })
    for (let one = read.found; one !== undefined && !this.#seen.has(one); one = this.before(one)) this.#seen.add(one)
  }

  /** Whether any read has found a version, or one that it leads to. */
  wasSeen(version: string): boolean {
    return this.#seen.has(version)
  }

  claimed(claim: Claim): void {
    this.#claims.push(claim)
    const last = this.#lastClaims.get(claim.slot)
    if (last) this.#longestWithoutPrimary = Math.max(this.#longestWithoutPrimary, claim.ended - last.ended)
    this.#lastClaims.set(claim.slot, claim)
  }

  looked(look: Look): void {
    this.#looks.push(look)
    this.#lastLooks.set(look.slot, look)
  }

  /** These, `claims` and `looks` are those that `forget` has not taken. */
  get reads(): readonly Read[] {
    return this.#reads
  }

  get claims(): readonly Claim[] {
    return this.#claims
  }

  get looks(): readonly Look[] {
    return this.#looks
  }

  /** The longest time in which no host said that it takes pushes of a slot that was asked about, in milliseconds. */
  get longestWithoutPrimary(): number {
    return this.#longestWithoutPrimary
  }

  /**
   * Forgets what has just been found to be right: an hour has millions of reads. What is noted later does not make them
   * wrong, since all that a read must show was acknowledged before it began. Claims need looks before and after them.
   */
  forget(): void {
    const before = { reads: this.#reads.length, claims: this.#claims.length }
    const isNew = (one: Claim | Look, forMs: number) => one.ended > this.#lastLooks.get(one.slot)!.began - forMs
    this.#reads = this.#reads.filter(({ isLast }) => isLast)
    this.#claims = this.#claims.filter((claim) => !this.#lastLooks.has(claim.slot) || isNew(claim, claimsStayMs))
    this.#looks = this.#looks.filter((look) => isNew(look, looksStayMs))
    this.#forgotten.reads += before.reads - this.#reads.length
    this.#forgotten.claims += before.claims - this.#claims.length
  }

  paused(pause: Pause): void {
    this.pauses.push(pause)
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
      'reads': this.#forgotten.reads + this.#reads.length,
      'times that a host said it was primary': this.#forgotten.claims + this.#claims.length,
      'changes of primary': this.placements.changes,
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
}
