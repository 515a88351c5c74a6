import type { Logger } from '../../../telemetry/log.ts'
import { CoordinatorError } from '../../coordinator.ts'
import { Backoff } from './backoff.ts'
import type { MemberAnswer, MemberCall, MemberClient } from './member-client.ts'
import { MemberFailure } from './member-failure.ts'

export type Member = { readonly endpoint: string }

/** What is asked of whichever member can do it. */
export type Call = MemberCall & {
  /** For all attempts, in milliseconds. */
  readonly totalMs: number
  /** Whether it may be sent again when it may have been done. */
  readonly isRepeatable: boolean
}

type Known = Member & { problem: string | undefined; failedAt: number }
type Attempt = (endpoint: string, attemptMs: number) => Promise<MemberAnswer>

/**
 * The members of etcd. One that works is asked until it fails; then the one that has not failed for longest is next. A call
 * goes round until its time is over.
 */
export class Members {
  readonly client: MemberClient
  readonly #log: Pick<Logger, 'info' | 'warn'>
  /** In the order in which they are asked. */
  #members: readonly Known[]

  constructor(endpoints: readonly string[], client: MemberClient, log: Pick<Logger, 'info' | 'warn'>) {
    this.client = client
    this.#log = log
    // Everybody starts with another one, so that all have their share.
    const first = Math.floor(Math.random() * endpoints.length)
    const ordered = [...endpoints.slice(first), ...endpoints.slice(0, first)]
    this.#members = ordered.map((endpoint) => ({ endpoint, problem: undefined, failedAt: -Infinity }))
  }

  /** In the order in which they are asked. */
  get inOrder(): readonly Member[] {
    return this.#members
  }

  /**
   * @throws {MemberFailure} etcd's last word
   * @throws {CoordinatorError} where no member could do it, or one may have done it
   */
  async ask(call: Call, signal: AbortSignal): Promise<MemberAnswer> {
    const attempt: Attempt = (endpoint, attemptMs) => this.client.ask(endpoint, { ...call, attemptMs }, signal)
    return await this.#goRound(call, attempt, signal)
  }

  /**
   * As `ask`, for what the leader answers from its own memory. A leader that was stopped for a while, and does not know
   * yet that there is another one, answers too (up to etcd 3.4.24 and 3.5.7). So the answer counts only when a majority
   * says afterwards that there was no election: the term is still the same.
   */
  async askProven(call: Call, signal: AbortSignal): Promise<MemberAnswer> {
    const attempt: Attempt = async (endpoint, attemptMs) => {
      const answer = await this.client.ask(endpoint, { ...call, attemptMs }, signal)
      const { raftTerm } = await this.client.probe(endpoint, attemptMs, signal)
      if (raftTerm === answer.header.raftTerm) return answer
      throw new MemberFailure('away', 'etcd has elected another leader meanwhile', true)
    }
    return await this.#goRound(call, attempt, signal)
  }

  async #goRound(call: Call, attempt: Attempt, signal: AbortSignal): Promise<MemberAnswer> {
    const deadline = performance.now() + call.totalMs
    const backoff = new Backoff()
    const problems = new Map<string, string>()
    do {
      for (const member of this.#members) {
        const leftMs = Math.ceil(deadline - performance.now())
        if (leftMs <= 0 || signal.aborted) break
        const answer = await this.#attempt(
          member,
          () => attempt(member.endpoint, Math.min(call.attemptMs, leftMs)),
          signal,
        )
        if (!(answer instanceof MemberFailure)) return answer
        if (answer.mayBeDone && !call.isRepeatable) throw unknownOutcome(member, answer)
        problems.set(member.endpoint, answer.message)
      }
      await backoff.wait(signal)
    } while (performance.now() < deadline && !signal.aborted)
    throw unreachable(problems, signal)
  }

  /** @throws {MemberFailure} etcd's last word */
  async #attempt(member: Known, ask: () => Promise<MemberAnswer>, signal: AbortSignal) {
    try {
      const answer = await ask()
      this.works(member)
      return answer
    } catch (error) {
      const failure = asFailure(error)
      if (failure.kind === 'refused') throw failure
      if (!signal.aborted) this.fails(member, failure.message)
      return failure
    }
  }

  works({ endpoint }: Member): void {
    const member = this.#members.find((one) => one.endpoint === endpoint)
    if (member?.problem === undefined) return
    member.problem = undefined
    this.#log.info({ endpoint }, 'the member of etcd works again')
  }

  /** It is asked last from now on. */
  fails({ endpoint }: Member, problem: string): void {
    const member = this.#members.find((one) => one.endpoint === endpoint)!
    if (member.problem === undefined) this.#log.warn({ endpoint, problem }, 'a member of etcd fails; others are asked')
    member.problem = problem
    member.failedAt = performance.now()
    this.#members = this.#members.toSorted((a, b) => a.failedAt - b.failedAt)
  }
}

/** What was thrown elsewhere comes from an answer that is not as etcd's are. */
export function asFailure(error: unknown): MemberFailure {
  if (error instanceof MemberFailure) return error
  return new MemberFailure('away', error instanceof Error ? error.message : String(error), true, { cause: error })
}

function unknownOutcome({ endpoint }: Member, failure: MemberFailure): CoordinatorError {
  const message = `Whether etcd has done it is not known: ${endpoint}: ${failure.message}.`
  return new CoordinatorError(message, { mayBeDone: true, cause: failure })
}

function unreachable(problems: ReadonlyMap<string, string>, { aborted }: AbortSignal): CoordinatorError {
  const list = [...problems].map(([endpoint, problem]) => `${endpoint}: ${problem}`).join('; ')
  if (aborted) return new CoordinatorError('The coordinator is closed.')
  return new CoordinatorError(`No member of etcd could be asked: ${list || 'there was no time'}.`)
}
