import { Counter, Histogram } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Exchange } from '../exchange/exchange.ts'
import { addGauge } from './gauge.ts'
import type { RemoteRequest } from '../lfs/remote-request.ts'
import { reasons } from '../refusal/reasons.ts'
import type { Outcome } from '../refusal/outcomes.ts'

/**
 * What both applications count about requests. Labels only have values from our own tables, so there are never many
 * series.
 */
export class RequestMetrics {
  readonly #requests: Counter<'service' | 'kind' | 'version' | 'outcome'>
  readonly #refusals: Counter<'outcome' | 'reason'>
  readonly #duration: Histogram<'service' | 'kind'>
  readonly #firstByte: Histogram<'service' | 'kind'>
  readonly #received: Counter<'service'>
  readonly #sent: Counter<'service'>
  /** The requests under way, with what has been counted of them. */
  readonly #underWay = new Map<Exchange, Counted>()

  constructor(registry: Registry) {
    const registers = [registry]
    this.#requests = new Counter({
      name: 'sluice_requests_total',
      help: 'Requests that are over, by how they ended.',
      labelNames: ['service', 'kind', 'version', 'outcome'],
      registers,
    })
    this.#refusals = new Counter({
      name: 'sluice_refusals_total',
      help: 'Requests that were not done, by reason; outcome="shed" is load that was turned away.',
      labelNames: ['outcome', 'reason'],
      registers,
    })
    const spans = { labelNames: ['service', 'kind'] as const, buckets: secondsBuckets, registers }
    this.#duration = new Histogram({
      name: 'sluice_request_duration_seconds',
      help: 'From a request to the end of its reply, and of all that it started.',
      ...spans,
    })
    this.#firstByte = new Histogram({
      name: 'sluice_request_first_byte_seconds',
      help: 'From a request to the first byte of its reply’s body.',
      ...spans,
    })
    // The bytes of a long request count while it runs: they are added whenever the metrics are collected.
    const collect = () => this.#takeOverBytes()
    this.#received = new Counter({
      name: 'sluice_received_bytes_total',
      help: 'Bytes of request bodies, as they came.',
      labelNames: ['service'],
      registers,
      collect,
    })
    this.#sent = new Counter({
      name: 'sluice_sent_bytes_total',
      help: 'Bytes of reply bodies.',
      labelNames: ['service'],
      registers,
      collect,
    })
    const help = 'Requests that are being served, queued ones included.'
    addGauge(registry, 'sluice_requests_under_way', help, () => this.#underWay.size)
  }

  /** @param about gives what the request asks, once that is known */
  begin(exchange: Exchange, about: () => RemoteRequest | undefined): void {
    this.#underWay.set(exchange, { about, received: 0, sent: 0 })
  }

  end(exchange: Exchange, outcome: Outcome, reason: string | undefined): void {
    this.#takeOver(exchange)
    const request = this.#underWay.get(exchange)?.about()
    this.#underWay.delete(exchange)
    const { service = none, kind = none, version = none } = request ?? {}
    this.#requests.inc({ service, kind, version, outcome })
    if (reason !== undefined) this.#refusals.inc({ outcome, reason: Object.hasOwn(reasons, reason) ? reason : 'other' })
    this.#duration.observe({ service, kind }, exchange.milliseconds / 1000)
    if (exchange.firstByteMs !== undefined) this.#firstByte.observe({ service, kind }, exchange.firstByteMs / 1000)
  }

  #takeOverBytes(): void {
    for (const exchange of this.#underWay.keys()) this.#takeOver(exchange)
  }

  #takeOver(exchange: Exchange): void {
    const counted = this.#underWay.get(exchange)
    if (!counted) return
    const service = counted.about()?.service ?? none
    this.#received.inc({ service }, exchange.bytesIn - counted.received)
    this.#sent.inc({ service }, exchange.bytesOut - counted.sent)
    counted.received = exchange.bytesIn
    counted.sent = exchange.bytesOut
  }
}

/** A request under way: what it is about, and how many of its bytes have been counted. */
type Counted = { readonly about: () => RemoteRequest | undefined; received: number; sent: number }

/** For requests that could not be read as git requests, and so have no service. */
const none = 'none'

/** They range from an answer out of a cache to a clone that takes an hour. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600]
