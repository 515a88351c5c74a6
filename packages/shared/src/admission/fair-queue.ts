import type { Queue, QueueAddOptions } from 'p-queue'

/** For whom a slot is asked: what a lane's slots are shared out by. */
export type Claim = {
  readonly repository: string
  readonly source: string
}

export type ClaimOptions = QueueAddOptions & { readonly claim?: Claim }

type Run = () => Promise<unknown>

/** A repository or a source, for as long as it holds or asks for anything. */
type Flow = { held: number; asked: number; lastTurn: number }

type Waiting = {
  readonly id: string
  readonly run: Run
  readonly claim: Claim
  readonly repository: Flow
  readonly source: Flow
  /** In which round of those who wait it comes: the requests of one repository, or of one source, come in rounds of their own. */
  readonly turn: number
}

/**
 * The requests that wait in a lane, in the form in which p-queue takes its queues. The next one is, of those whose
 * repository and source may hold another slot, the one for which these hold the fewest; among these, the one whose turn
 * comes first; then, who has waited longest. So the slots are shared out evenly, whoever sends the most.
 *
 * Every step looks at all who wait, which a lane bounds.
 */
export class FairQueue implements Queue<Run, ClaimOptions> {
  /** How many slots one repository, or one source, may hold. */
  most: number
  readonly #waiting: Waiting[] = []
  readonly #repositories = new Flows()
  readonly #sources = new Flows()
  #turn = 0

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
    const source = this.#sources.of(claim.source)
    const turn = Math.max(this.#turn, repository.lastTurn, source.lastTurn) + 1
    for (const flow of [repository, source]) {
      flow.asked++
      flow.lastTurn = turn
    }
    this.#waiting.push({ id, run, claim, repository, source, turn })
  }

  dequeue(): Run | undefined {
    const next = this.#waiting.filter((one) => this.#mayRun(one)).reduce(sooner, undefined)
    if (!next) return undefined
    this.#turn = Math.max(this.#turn, next.turn)
    this.remove(next.id)
    return next.run
  }

  /** Whether somebody who waits could run if one slot less were held with this claim. */
  couldRunWithout(claim: Claim): boolean {
    const isBelow = (flow: Flow, isSame: boolean) => flow.held - (isSame ? 1 : 0) < this.most
    return this.#waiting.some(
      (one) =>
        isBelow(one.repository, one.claim.repository === claim.repository) &&
        isBelow(one.source, one.claim.source === claim.source),
    )
  }

  /** A slot is held from now on. To be called when p-queue has started what it took from here, before it takes another. */
  hold({ repository, source }: Claim): void {
    this.#repositories.of(repository).held++
    this.#sources.of(source).held++
  }

  /** To be called before p-queue is told that it is over. */
  release({ repository, source }: Claim): void {
    this.#repositories.of(repository).held--
    this.#sources.of(source).held--
    this.#forget({ repository, source })
  }

  remove(id: string): void {
    const index = this.#waiting.findIndex((one) => one.id === id)
    if (index === -1) return
    const [{ repository, source, claim }] = this.#waiting.splice(index, 1) as [Waiting]
    repository.asked--
    source.asked--
    // Who leaves, or is refused, costs those who come after it no round.
    repository.lastTurn = this.#lastTurn((one) => one.repository === repository)
    source.lastTurn = this.#lastTurn((one) => one.source === source)
    this.#forget(claim)
  }

  /** Who has to go when too many wait: the last one of those whose repository and source ask for the most. */
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

  #mayRun({ repository, source }: Waiting): boolean {
    return repository.held < this.most && source.held < this.most
  }

  #lastTurn(isOfFlow: (one: Waiting) => boolean): number {
    return this.#waiting.reduce((last, one) => (isOfFlow(one) ? Math.max(last, one.turn) : last), 0)
  }

  #forget({ repository, source }: Claim): void {
    this.#repositories.forget(repository)
    this.#sources.forget(source)
  }
}

const nobody: Claim = { repository: '', source: '' }

function sooner(best: Waiting | undefined, one: Waiting): Waiting {
  if (!best) return one
  const order = heldBy(one) - heldBy(best) || one.turn - best.turn
  return order < 0 ? one : best
}

function askedBy({ repository, source }: Waiting): number {
  return repository.asked + source.asked
}

function heldBy({ repository, source }: Waiting): number {
  return repository.held + source.held
}

/** Flows by their name. Forgets those that hold and ask for nothing, so there are no more than there is work. */
class Flows {
  readonly #flows = new Map<string, Flow>()

  of(name: string): Flow {
    const known = this.#flows.get(name)
    if (known) return known
    const flow = { held: 0, asked: 0, lastTurn: 0 }
    this.#flows.set(name, flow)
    return flow
  }

  forget(name: string): void {
    const flow = this.#flows.get(name)
    if (flow && flow.held === 0 && flow.asked === 0) this.#flows.delete(name)
  }
}
