import type { Exchange } from '../exchange/exchange.ts'
import type { RemoteRequest } from '../lfs/remote-request.ts'
import type { Logger } from './log.ts'
import type { Outcome } from '../refusal/outcomes.ts'
import { logRequest } from './request-log.ts'
import type { RequestMetrics } from './request-metrics.ts'
import type { Span, Tracing } from './tracing.ts'

/** How a request ended. Any further fields go into its line in the log. */
export type Ending = {
  readonly outcome: Outcome
  readonly reason: string | undefined
  readonly cause: unknown
  readonly [more: string]: unknown
}

/**
 * Writes the log, the metrics and the trace of each request. They come from one place, so that they cannot disagree.
 */
export class Recorder {
  readonly #log: Logger
  readonly #metrics: RequestMetrics
  readonly #tracing: Tracing

  constructor(log: Logger, metrics: RequestMetrics, tracing: Tracing) {
    this.#log = log
    this.#metrics = metrics
    this.#tracing = tracing
  }

  /** @param about gives what the request asks, once that is known */
  begin(exchange: Exchange, about: () => RemoteRequest | undefined): Recording {
    this.#metrics.begin(exchange, about)
    const { headers, method } = exchange.incoming
    const span = this.#tracing.begin(headers, method ?? '')
    return {
      span,
      end: (ending) => this.#end(exchange, span, about(), ending),
    }
  }

  #end(exchange: Exchange, span: Span, request: RemoteRequest | undefined, ending: Ending): void {
    const { outcome, reason } = ending
    this.#metrics.end(exchange, outcome, reason)
    const { traceId, spanId, parentId } = span
    const status = logRequest(this.#log, exchange, request, { ...ending, traceId, spanId, parentSpanId: parentId })
    // By OpenTelemetry's conventions, a server's span has failed where its status says so.
    const failed = (status ?? 0) >= 500
    span.end({
      name: request ? `${request.service} ${request.kind}` : (exchange.incoming.method ?? ''),
      attributes: {
        'http.request.method': exchange.incoming.method,
        'http.response.status_code': exchange.outgoing.headersSent ? status : undefined,
        'client.address': exchange.clientAddress,
        'error.type': failed ? (reason ?? outcome) : undefined,
        'git.service': request?.service,
        'git.protocol.version': request?.version,
        'sluice.repository': request?.repository.slice(0, maxAttributeLength),
        'sluice.request_id': exchange.id,
        'sluice.outcome': outcome,
        'sluice.reason': reason,
        'sluice.received_bytes': exchange.bytesIn,
        'sluice.sent_bytes': exchange.bytesOut,
      },
      failed,
    })
  }
}

export type Recording = {
  readonly span: Span
  end(ending: Ending): void
}

const maxAttributeLength = 256
