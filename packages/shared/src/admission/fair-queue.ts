/** The repository and the client that a slot counts for. A lane shares its slots out between them. */
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
  /**
   * Its virtual finish time: 1 after the largest of the current virtual time and the last finish times of its
   * repository and its client.
   */
  readonly finish: number
}

/**
 * The requests that wait for a slot, in the order in which they get one. A request counts only if its repository and
 * its client may hold another slot. Of those that count, the next is
 *   1. the one whose repository and client hold the fewest slots;
 *   2. among these, the one with the earliest virtual finish time;
 *   3. among these, the one that has waited longest.
 *
 * So the slots are shared out evenly, whoever sends the most. Virtual time is that of self-clocked fair queueing
 * (Golestani, 1994): the finish time of the last request taken.
 *
 * Every step looks at all requests that wait. The lane bounds their number.
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

  /**
   * Takes the next request, which holds a slot from now on. Undefined if no request that waits may have another slot.
   */
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

  /** Gives back a slot that was taken with this claim. */
  giveBack(claim: Claim): void {
    this.#repositories.of(claim.repository).held--
    this.#clients.of(claim.client).held--
    this.#forget(claim)
  }

  /** Removes a request, if it waits. */
  remove(waiter: W): void {
    const index = this.#places.findIndex((place) => place.waiter === waiter)
    if (index === -1) return
    const [{ repository, client }] = this.#places.splice(index, 1) as [Place<W>]
    repository.asked--
    client.asked--
    // A request that leaves, or is refused, must not delay later requests of its repository and client.
    repository.lastFinish = this.#lastFinish((place) => place.repository === repository)
    client.lastFinish = this.#lastFinish((place) => place.client === client)
    this.#forget(waiter.claim)
  }

  /** The request to refuse when too many wait: the last one of the repository and the client that ask for the most. */
  oneTooMany(): W | undefined {
    const most = this.#places.reduce((sum, place) => Math.max(sum, askedBy(place)), 0)
    return this.#places.findLast((place) => askedBy(place) === most)?.waiter
  }

  /** Whether a request that waits could run if one slot with this claim were given back. */
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

/** Flows by name. A flow that neither holds nor asks for anything is forgotten, so the work bounds their number. */
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
