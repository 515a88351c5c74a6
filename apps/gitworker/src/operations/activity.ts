import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Outcome } from '@sluice/shared/refusal/outcomes'
import type { RequestRecord } from './request-record.ts'
import { errorLines } from '../git/messages.ts'
import { maxListed } from './host-status.ts'
import type { FailureStatus, RequestStatus } from './host-status.ts'

/** What a client, or an operator, would call a failure: neither a client that left nor one that asked for what is not there. */
const failures: ReadonlySet<Outcome> = new Set(['shed', 'timed_out', 'git_failed', 'failed'])
const maxFailures = 50
const maxNameLength = 256

/** What the host does, and what went wrong last, for the status page. */
export class Activity {
  readonly #underWay = new Map<Exchange, RequestRecord>()
  readonly #failures: FailureStatus[] = []

  get size(): number {
    return this.#underWay.size
  }

  /** The oldest ones; the map keeps the order in which they came. */
  get requests(): RequestStatus[] {
    return this.#underWay.entries().take(maxListed).map(describe).toArray()
  }

  /** The last ones first. */
  get failures(): FailureStatus[] {
    return this.#failures.toReversed()
  }

  shows(exchange: Exchange, record: RequestRecord): Disposable {
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
  const hasNoGit = phase === 'serving' && stream !== undefined && stream.worker === undefined
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
    phase: hasNoGit ? 'sending' : phase,
    worker: hasNoGit ? undefined : (record.worker ?? stream?.worker),
  }
}
