import type { IncomingHttpHeaders } from 'node:http'
import { childOf, headersOf, receivedContext, rootContext } from './trace-context.ts'

/** One request, as one step of a trace. */
export type Span = {
  readonly traceId: string
  readonly spanId: string
  /** The step on another server that asked for this one. */
  readonly parentId: string | undefined
  /** For the requests that this one sends to other servers: `traceparent`, and `tracestate` if there is one. */
  headers(): Record<string, string>
  /** Call it once, when the request is over. */
  end(ending: SpanEnding): void
}

export type SpanEnding = {
  readonly name: string
  /**
   * The names are those of OpenTelemetry's semantic conventions, if there are any. Undefined attributes are left out.
   */
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>
  /** Whether the server failed. A client that asks for what it may not have is no failure. */
  readonly failed: boolean
}

/** Dispose of it when no more requests come. It then sends what is left, within 2 s. */
export type Tracing = AsyncDisposable & {
  /** It never throws and never waits, whatever the state of the collector. */
  begin(incomingHeaders: IncomingHttpHeaders, name: string): Span
}

/**
 * Opens the traces of one application. Without an endpoint, they are only ids, for the log and for other servers.
 * OpenTelemetry is loaded only if there is an endpoint, because loading it takes a while.
 *
 * @param endpoint an OpenTelemetry collector: `http://127.0.0.1:4318`
 * @param onProblem called with the reason if spans cannot be sent, once a minute at most
 */
export async function openTracing(
  app: string,
  endpoint: string | undefined,
  onProblem: (message: string) => void,
): Promise<Tracing> {
  if (endpoint === undefined) return idsOnly
  const { openOtlpTracing } = await import('./otlp-tracing.ts')
  return openOtlpTracing(app, endpoint, onProblem)
}

const idsOnly: Tracing = {
  begin(incomingHeaders) {
    const parent = receivedContext(incomingHeaders)
    const context = parent ? childOf(parent) : rootContext()
    return {
      traceId: context.traceId,
      spanId: context.spanId,
      parentId: parent?.spanId,
      headers: () => headersOf(context),
      end() {},
    }
  },
  async [Symbol.asyncDispose]() {},
}
