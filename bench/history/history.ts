import type { Commit } from './commits.ts'
import type { Pushed } from './git-requests.ts'

/*
 * What clients were told and saw, and what is wrong with it. All times are of one clock, in milliseconds. References only go
 * forward here: each commit is a child of what its pusher took the reference for.
 */

type Span = { readonly began: number; readonly ended: number }
/** `isHeld`: gateways hold it where no host could take it. */
type Push = Span & { readonly place: string; readonly commit: string; readonly isHeld: boolean } & Pushed
type Read = Span & { readonly place: string; readonly by: string; readonly found: string | undefined }
/** A host has said that it is primary of a slot, or acknowledged a push of it. */
type Claim = Span & { readonly host: string; readonly slot: number; readonly what: string }
/** etcd was asked for the record of a slot. */
type Look = Span & { readonly slot: number; readonly revision: number }
type Placed = { readonly slot: number; readonly revision: number; readonly primary: string | undefined }
/** A host's process stood still. */
type Pause = Span & { readonly host: string }

export class History {
  readonly #parents = new Map<string, string | undefined>()
  readonly #pushes: Push[] = []
  readonly #reads: Read[] = []
  readonly #claims: Claim[] = []
  readonly #looks: Look[] = []
  readonly #pauses: Pause[] = []
  #calmSince = Infinity
  readonly #placed = new Map<string, Placed>()

  made({ id, parent }: Commit): void {
    this.#parents.set(id, parent)
  }

  pushed(push: Push): void {
    this.#pushes.push(push)
  }

  read(read: Read): void {
    this.#reads.push(read)
  }

  claimed(claim: Claim): void {
    this.#claims.push(claim)
  }

  looked(look: Look): void {
    this.#looks.push(look)
  }

  paused(pause: Pause): void {
    this.#pauses.push(pause)
  }

  /** From now on, nothing goes wrong on purpose. */
  isCalmSince(milliseconds: number): void {
    this.#calmSince = milliseconds
  }

  placed(placed: Placed): void {
    this.#placed.set(`${placed.slot} ${placed.revision}`, placed)
  }

  get counts(): Record<string, number> {
    const of = (outcome: Pushed['outcome']) => this.#pushes.filter((push) => push.outcome === outcome).length
    return {
      'pushes acknowledged': of('acknowledged'),
      'pushes refused': of('refused'),
      'pushes of which nobody knows': of('unknown'),
      'reads': this.#reads.length,
      'times that a host said it was primary': this.#claims.length,
      'changes of primary': Math.max(
        0,
        this.#placed.size - new Set([...this.#placed.values()].map((p) => p.slot)).size,
      ),
    }
  }

  /** Why pushes were not acknowledged, and how often. */
  get reasons(): Map<string, number> {
    const reasons = new Map<string, number>()
    for (const { outcome, why } of this.#pushes) {
      if (outcome !== 'acknowledged') reasons.set(`${outcome}: ${why}`, (reasons.get(`${outcome}: ${why}`) ?? 0) + 1)
    }
    return reasons
  }

  /** All that is wrong, in words. */
  check(): { readonly what: string; readonly found: string[] }[] {
    return [
      { what: 'reads that show less than was acknowledged before', found: this.#staleReads() },
      { what: 'pushes that were refused, and seen', found: this.#seenThoughRefused() },
      { what: 'hosts that said they were primary, and were not', found: this.#wrongClaims() },
      { what: 'pushes that failed though all was well', found: this.#failedInCalm() },
      { what: 'pushes that a host acknowledged after a takeover', found: this.#lateAcknowledgements() },
    ]
  }

  #staleReads(): string[] {
    const acknowledged = this.#pushes.filter(({ outcome }) => outcome === 'acknowledged')
    const byPlace = Map.groupBy(acknowledged, ({ place }) => place)
    return this.#reads.flatMap(({ place, by, found, began }) => {
      const shown = this.#ancestry(found)
      const missing = (byPlace.get(place) ?? []).filter((push) => push.ended < began && !shown.has(push.commit))
      return missing.map(
        ({ commit, ended }) =>
          `${place}: ${commit} was acknowledged at ${at(ended)}; ${by} showed ${found} at ${at(began)}`,
      )
    })
  }

  /** Others may be faster with the same reference. */
  #failedInCalm(): string[] {
    const failed = this.#pushes.filter(
      ({ began, outcome, why, isHeld }) =>
        isHeld && began > this.#calmSince && outcome !== 'acknowledged' && !why.startsWith('ng: '),
    )
    return failed.map(({ place, commit, why, ended }) => `${place}: ${commit} at ${at(ended)}: ${why}`)
  }

  #seenThoughRefused(): string[] {
    const seen = new Set<string>()
    for (const { found } of this.#reads) for (const id of this.#ancestry(found)) seen.add(id)
    const refused = this.#pushes.filter(({ outcome, commit }) => outcome === 'refused' && seen.has(commit))
    return refused.map(({ place, commit, why }) => `${place}: ${commit}: ${why}`)
  }

  /** What etcd said before the claim began, after it had ended, and in between: one of these must name the host. */
  #wrongClaims(): string[] {
    const looks = Map.groupBy(this.#looks, ({ slot }) => slot)
    const placed = Map.groupBy(this.#placed.values(), ({ slot }) => slot)
    return this.#claims.flatMap(({ host, slot, what, began, ended }) => {
      const before = looks.get(slot)?.findLast((look) => look.ended < began)
      const after = looks.get(slot)?.find((look) => look.began > ended)
      if (!before || !after) return []
      const between = (placed.get(slot) ?? []).filter(
        ({ revision }) => revision >= before.revision && revision <= after.revision,
      )
      if (between.some(({ primary }) => primary === host)) return []
      const primaries = between.map(({ primary, revision }) => `${primary} (${revision})`).join(', ')
      return `slot ${slot}: ${host} ${what} from ${at(began)} to ${at(ended)}; in etcd: ${primaries}`
    })
  }

  /** A push that was running when its host was stopped, and acknowledged after it woke up, when another one had its slot. */
  #lateAcknowledgements(): string[] {
    return this.#claims.flatMap(({ host, slot, what, began, ended }) => {
      const pause = this.#pauses.find((one) => one.host === host && began < one.began && one.ended < ended)
      if (!pause || !what.startsWith('acknowledged')) return []
      const before = this.#looks.findLast((look) => look.slot === slot && look.ended < pause.began)
      const taken = this.#looks.find(
        (look) =>
          look.slot === slot &&
          look.began > pause.began &&
          look.ended < pause.ended &&
          look.revision > (before?.revision ?? Infinity) &&
          this.#placed.get(`${slot} ${look.revision}`)?.primary !== host,
      )
      return taken
        ? `slot ${slot}: ${host} ${what} at ${at(ended)}, stopped from ${at(pause.began)} to ${at(pause.ended)}`
        : []
    })
  }

  #ancestry(id: string | undefined): Set<string> {
    const ancestry = new Set<string>()
    for (let one = id; one !== undefined && !ancestry.has(one); one = this.#parents.get(one)) ancestry.add(one)
    return ancestry
  }
}

function at(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`
}
