import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Outcome } from '@sluice/shared/refusal/outcomes'
import type { RequestRecord } from './request-record.ts'
import { errorLines } from '../git/messages.ts'
import { maxListed } from './host-status.ts'
import type { FailureStatus, RequestStatus } from './host-status.ts'

/**
 * The outcomes that count as failures. A client that left, or that asked for a repository that does not exist, is not a
 * failure.
 */
const failures: ReadonlySet<Outcome> = new Set(['shed', 'timed_out', 'git_failed', 'failed'])
const maxFailures = 50
const maxNameLength = 256

/** The requests that are being served, and the latest failures, for the status page. */
export class Activity {
  readonly #underWay = new Map<Exchange, RequestRecord>()
  readonly #failures: FailureStatus[] = []

  get size(): number {
    return this.#underWay.size
  }

  /** The oldest requests. The map keeps the order in which they came. */
  get requests(): RequestStatus[] {
    return this.#underWay.entries().take(maxListed).map(describe).toArray()
  }

  /** The latest first. */
  get failures(): FailureStatus[] {
    return this.#failures.toReversed()
  }

  /** Lists a request until disposed of. */
  track(exchange: Exchange, record: RequestRecord): Disposable {
    this.#underWay.set(exchange, record)
    return { [Symbol.dispose]: () => this.#underWay.delete(exchange) }
  }

  ended(exchange: Exchange, { request, outcome, refusal, said, stderr }: RequestRecord): void {
    if (!failures.has(outcome)) return
    this.#failures.push({
      at: new Date().toISOString(),
      requestId: exchange.id,
      repository: request?.repository.slice(0, maxNameLength),
      service: request?.service,
      client: exchange.clientAddress,
      outcome,
      reason: refusal?.reason,
      said: said ?? (stderr === undefined ? undefined : errorLines(stderr)),
      status: refusal?.status ?? exchange.outgoing.statusCode,
      ms: exchange.milliseconds,
    })
    if (this.#failures.length > maxFailures) this.#failures.shift()
  }
}

function describe([exchange, record]: [Exchange, RequestRecord]): RequestStatus {
  const { request, phase, stream } = record
  const gitHasEnded = phase === 'serving' && stream !== undefined && stream.worker === undefined
  return {
    requestId: exchange.id,
    repository: request?.repository.slice(0, maxNameLength) ?? '',
    service: request?.service ?? '',
    kind: request?.kind ?? '',
    client: exchange.clientAddress,
    user: exchange.user?.slice(0, maxNameLength),
    ageMs: exchange.milliseconds,
    bytesIn: exchange.bytesIn,
    bytesOut: exchange.bytesOut,
    phase: gitHasEnded ? 'sending' : phase,
    worker: gitHasEnded ? undefined : (record.worker ?? stream?.worker),
  }
}
