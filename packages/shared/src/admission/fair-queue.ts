import type { Queue, QueueAddOptions } from 'p-queue'

/** For whom a slot is asked: what a lane's slots are shared out by. */
export type Claim = {
  readonly repository: string
  readonly client: string
}

export type ClaimOptions = QueueAddOptions & { readonly claim?: Claim }

type Run = () => Promise<unknown>

/** A repository or a client, for as long as it holds or asks for anything. */
type Flow = { held: number; asked: number; lastFinish: number }

type Waiting = {
  readonly id: string
  readonly run: Run
  readonly claim: Claim
  readonly repository: Flow
  readonly client: Flow
  /** Its virtual finish time: one later than the last of its repository and of its client, and than now. */
  readonly finish: number
}

/**
 * The requests that wait in a lane, in the form in which p-queue takes its queues. The next one is, of those whose
 * repository and client may hold another slot, the one for which these hold the fewest; among these, the one with the
 * earliest virtual finish time; then, the one that has waited longest. So the slots are shared out evenly, whoever sends
 * the most. Virtual time is that of self-clocked fair queueing (Golestani, 1994): the finish time of the last one taken.
 *
 * Every step looks at all who wait, which a lane bounds.
 */
export class FairQueue implements Queue<Run, ClaimOptions> {
  /** How many slots one repository, or one client, may hold. */
  most: number
  readonly #waiting: Waiting[] = []
  readonly #repositories = new Flows()
  readonly #clients = new Flows()
  #virtualTime = 0

  constructor(most: number) {
    this.most = most
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length
  }

  /** What p-queue goes by: it asks for another only if this is not 0. So those that may not run yet do not count. */
  get size(): number {
    return this.#waiting.some((one) => this.#mayRun(one)) ? 1 : 0
  }

  enqueue(run: Run, { id = '', claim = nobody }: ClaimOptions = {}): void {
    const repository = this.#repositories.of(claim.repository)
    const client = this.#clients.of(claim.client)
    const finish = Math.max(this.#virtualTime, repository.lastFinish, client.lastFinish) + 1
    for (const flow of [repository, client]) {
      flow.asked++
      flow.lastFinish = finish
    }
    this.#waiting.push({ id, run, claim, repository, client, finish })
  }

  dequeue(): Run | undefined {
    const next = this.#waiting.filter((one) => this.#mayRun(one)).reduce(sooner, undefined)
    if (!next) return undefined
    this.#virtualTime = Math.max(this.#virtualTime, next.finish)
    this.remove(next.id)
    return next.run
  }

  /** Whether somebody who waits could run if one slot less were held with this claim. */
  couldRunWithout(claim: Claim): boolean {
    const isBelow = (flow: Flow, isSame: boolean) => flow.held - (isSame ? 1 : 0) < this.most
    return this.#waiting.some(
      (one) =>
        isBelow(one.repository, one.claim.repository === claim.repository) &&
        isBelow(one.client, one.claim.client === claim.client),
    )
  }

  /** A slot is held from now on. To be called when p-queue has started what it took from here, before it takes another. */
  hold({ repository, client }: Claim): void {
    this.#repositories.of(repository).held++
    this.#clients.of(client).held++
  }

  /** To be called before p-queue is told that it is over. */
  release({ repository, client }: Claim): void {
    this.#repositories.of(repository).held--
    this.#clients.of(client).held--
    this.#forget({ repository, client })
  }

  remove(id: string): void {
    const index = this.#waiting.findIndex((one) => one.id === id)
    if (index === -1) return
    const [{ repository, client, claim }] = this.#waiting.splice(index, 1) as [Waiting]
    repository.asked--
    client.asked--
    // One that leaves, or is refused, delays no later request of its flows.
    repository.lastFinish = this.#lastFinish((one) => one.repository === repository)
    client.lastFinish = this.#lastFinish((one) => one.client === client)
    this.#forget(claim)
  }

  /** Who has to go when too many wait: the last one of those whose repository and client ask for the most. */
  oneTooMany(): string | undefined {
    const most = this.#waiting.reduce((sum, one) => Math.max(sum, askedBy(one)), 0)
    return this.#waiting.findLast((one) => askedBy(one) === most)?.id
  }

  /** Of p-queue's interface, and of no use here: nothing in a lane has a priority. */
  filter(): Run[] {
    return []
  }

  /** As above. */
  setPriority(): void {}

  #mayRun({ repository, client }: Waiting): boolean {
    return repository.held < this.most && client.held < this.most
  }

  #lastFinish(isOfFlow: (one: Waiting) => boolean): number {
    return this.#waiting.reduce((last, one) => (isOfFlow(one) ? Math.max(last, one.finish) : last), 0)
  }

  #forget({ repository, client }: Claim): void {
    this.#repositories.forget(repository)
    this.#clients.forget(client)
  }
}

const nobody: Claim = { repository: '', client: '' }

function sooner(best: Waiting | undefined, one: Waiting): Waiting {
  if (!best) return one
  const order = heldBy(one) - heldBy(best) || one.finish - best.finish
  return order < 0 ? one : best
}

function askedBy({ repository, client }: Waiting): number {
  return repository.asked + client.asked
}

function heldBy({ repository, client }: Waiting): number {
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
