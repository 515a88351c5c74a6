/** For whom a slot is asked: what a lane's slots are shared out by. */
export type Claim = {
  readonly repository: string
  readonly client: string
}

/** A repository or a client, for as long as it holds or asks for anything. */
type Flow = { held: number; asked: number; lastFinish: number }

type Place<W> = {
  readonly waiter: W
  readonly repository: Flow
  readonly client: Flow
  /** Its virtual finish time: one later than the last of its repository and of its client, and than now. */
  readonly finish: number
}

/**
 * Those who wait for a slot, and who of them is next: of those whose repository and client may hold another slot, the one
 * for which these hold the fewest; among these, the one with the earliest virtual finish time; then, the one that has waited
 * longest. So the slots are shared out evenly, whoever sends the most. Virtual time is that of self-clocked fair queueing
 * (Golestani, 1994): the finish time of the last one taken.
 *
 * Every step looks at all who wait, which a lane bounds.
 */
export class FairQueue<W extends { readonly claim: Claim }> {
  /** How many slots one repository, or one client, may hold. */
  mostHeld = Infinity
  readonly #places: Place<W>[] = []
  readonly #repositories = new Flows()
  readonly #clients = new Flows()
  #virtualTime = 0

  /** How many wait. */
  get size(): number {
    return this.#places.length
  }

  has(waiter: W): boolean {
    return this.#places.some((place) => place.waiter === waiter)
  }

  add(waiter: W): void {
    const repository = this.#repositories.of(waiter.claim.repository)
    const client = this.#clients.of(waiter.claim.client)
    const finish = Math.max(this.#virtualTime, repository.lastFinish, client.lastFinish) + 1
    for (const flow of [repository, client]) {
      flow.asked++
      flow.lastFinish = finish
    }
    this.#places.push({ waiter, repository, client, finish })
  }

  /** The next one, who holds a slot from now on; undefined where nobody waits who may have another. */
  take(): W | undefined {
    const next = this.#places.filter((place) => this.#mayHoldMore(place)).reduce(sooner<W>, undefined)
    if (!next) return undefined
    const { waiter, repository, client, finish } = next
    repository.held++
    client.held++
    this.#virtualTime = Math.max(this.#virtualTime, finish)
    this.remove(waiter)
    return waiter
  }

  /** A slot that was taken with this claim is free again. */
  giveBack(claim: Claim): void {
    this.#repositories.of(claim.repository).held--
    this.#clients.of(claim.client).held--
    this.#forget(claim)
  }

  /** Does nothing where this one does not wait. */
  remove(waiter: W): void {
    const index = this.#places.findIndex((place) => place.waiter === waiter)
    if (index === -1) return
    const [{ repository, client }] = this.#places.splice(index, 1) as [Place<W>]
    repository.asked--
    client.asked--
    // One that leaves, or is refused, delays no later request of its flows.
    repository.lastFinish = this.#lastFinish((place) => place.repository === repository)
    client.lastFinish = this.#lastFinish((place) => place.client === client)
    this.#forget(waiter.claim)
  }

  /** Who has to go when too many wait: the last one of those whose repository and client ask for the most. */
  oneTooMany(): W | undefined {
    const most = this.#places.reduce((sum, place) => Math.max(sum, askedBy(place)), 0)
    return this.#places.findLast((place) => askedBy(place) === most)?.waiter
  }

  /** Whether somebody who waits could take a slot if one slot less were held with this claim. */
  couldTakeWithout(claim: Claim): boolean {
    const isBelow = (flow: Flow, isSame: boolean) => flow.held - (isSame ? 1 : 0) < this.mostHeld
    return this.#places.some(
      ({ repository, client, waiter }) =>
        isBelow(repository, waiter.claim.repository === claim.repository) &&
        isBelow(client, waiter.claim.client === claim.client),
    )
  }

  #mayHoldMore({ repository, client }: Place<W>): boolean {
    return repository.held < this.mostHeld && client.held < this.mostHeld
  }

  #lastFinish(isOfFlow: (place: Place<W>) => boolean): number {
    return this.#places.reduce((last, place) => (isOfFlow(place) ? Math.max(last, place.finish) : last), 0)
  }

  #forget({ repository, client }: Claim): void {
    this.#repositories.forget(repository)
    this.#clients.forget(client)
  }
}

function sooner<W>(best: Place<W> | undefined, place: Place<W>): Place<W> {
  if (!best) return place
  const order = heldBy(place) - heldBy(best) || place.finish - best.finish
  return order < 0 ? place : best
}

function askedBy({ repository, client }: Place<unknown>): number {
  return repository.asked + client.asked
}

function heldBy({ repository, client }: Place<unknown>): number {
  return repository.held + client.held
}

/** Flows by their name. Forgets those that hold and ask for nothing, so there are no more than there is work. */
class Flows {
  readonly #flows = new Map<string, Flow>()

  of(name: string): Flow {
    const known = this.#flows.get(name)
    if (known) return known
    const flow = { held: 0, asked: 0, lastFinish: 0 }
    this.#flows.set(name, flow)
    return flow
  }

  forget(name: string): void {
    const flow = this.#flows.get(name)
    if (flow && flow.held === 0 && flow.asked === 0) this.#flows.delete(name)
  }
}
