import type { Logger } from '../../../telemetry/log.ts'
import { CoordinatorError } from '../../coordinator.ts'
import { Backoff } from './backoff.ts'
import type { MemberAnswer, MemberCall, MemberClient } from './member-client.ts'
import { asFailure, MemberFailure } from './member-failure.ts'

export type Member = { readonly endpoint: string }

/** What is asked of whichever member can do it. */
export type Call = MemberCall & {
  /** For all attempts, in milliseconds. */
  readonly totalMs: number
  /** Whether it may be sent again when it may have been done. */
  readonly isRepeatable: boolean
}

/** Between two rounds. An election takes etcd a second or two, and a lease waits for its end. */
const mostWaitMs = 400

type Known = Member & { problem: string | undefined; failedAt: number }
type Attempt<T> = (endpoint: string, attemptMs: number) => Promise<T>

/** Makes of an answer what it means. Throws for an answer that etcd does not give; then another member is asked. */
type Read<T> = (answer: MemberAnswer) => T

/**
 * The members of etcd. One that works is asked until it fails; then the one that has not failed for longest is next. A call
 * goes round until its time is over.
 */
export class Members {
  readonly client: MemberClient
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** In the order in which they are asked. */
  #members: readonly Known[]

  constructor(endpoints: readonly string[], client: MemberClient, log: Pick<Logger, 'info' | 'warn'>) {
    this.client = client
    this.log = log
    this.#members = endpoints.map((endpoint) => ({ endpoint, problem: undefined, failedAt: -Infinity }))
  }

  /** In the order in which they are asked. */
  get inOrder(): readonly Member[] {
    return this.#members
  }

  /**
   * @throws {MemberFailure} etcd's last word
   * @throws {CoordinatorError} where no member could do it, or one may have done it
   */
  async ask<T>(call: Call, read: Read<T>, signal: AbortSignal): Promise<T> {
    const attempt: Attempt<T> = async (endpoint, attemptMs) =>
      read(await this.client.ask(endpoint, { ...call, attemptMs }, signal))
    return await this.#goRound(call, attempt, signal)
  }

  /**
   * As `ask`, for what the leader answers from its own memory. A leader that was stopped for a while, and does not know
   * yet that there is another one, answers too (up to etcd 3.4.24 and 3.5.7). So the answer counts only when a majority
   * says afterwards that there was no election: the term is still the same.
   */
  async askProven<T>(call: Call, read: Read<T>, signal: AbortSignal): Promise<T> {
    const attempt: Attempt<T> = async (endpoint, attemptMs) => {
      const answer = await this.client.ask(endpoint, { ...call, attemptMs }, signal)
      const { raftTerm } = await this.client.probe(endpoint, attemptMs, signal)
      if (raftTerm === answer.header.raftTerm) return read(answer)
      throw new MemberFailure('away', 'etcd has elected another leader meanwhile', true)
    }
    return await this.#goRound(call, attempt, signal)
  }

  async #goRound<T>(call: Call, attempt: Attempt<T>, signal: AbortSignal): Promise<T> {
    const deadline = performance.now() + call.totalMs
    const backoff = new Backoff(mostWaitMs)
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
  async #attempt<T>(member: Known, ask: () => Promise<T>, signal: AbortSignal): Promise<T | MemberFailure> {
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
    this.log.info({ endpoint }, 'the member of etcd works again')
  }

  /** It is asked last from now on. */
  fails({ endpoint }: Member, problem: string): void {
    const member = this.#members.find((one) => one.endpoint === endpoint)!
    if (member.problem === undefined) this.log.warn({ endpoint, problem }, 'a member of etcd fails; others are asked')
    member.problem = problem
    member.failedAt = performance.now()
    this.#members = this.#members.toSorted((a, b) => a.failedAt - b.failedAt)
  }
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
