import type { IncomingHttpHeaders } from 'node:http'
import { childOf, headersOf, receivedContext, rootContext } from './trace-context.ts'

/** One request, as one step of a trace. */
export type Span = {
  readonly traceId: string
  readonly spanId: string
  /** The step on another server that this one was asked by. */
  readonly parentId: string | undefined
  /** To send on with what this request asks of other servers: `traceparent`, and `tracestate` if there is one. */
  headers(): Record<string, string>
  /** To be called once, when the request is over. */
  end(ending: SpanEnding): void
}

export type SpanEnding = {
  readonly name: string
  /** Named by OpenTelemetry's semantic conventions where those have a name. Undefined ones are left out. */
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>
  /** Whether it is the server that failed. A client that asks for what it may not have is no failure. */
  readonly failed: boolean
}

/** Disposed of when no more requests come: what is still to be sent is, in 2 s at most. */
export type Tracing = AsyncDisposable & {
  /** Never throws and never waits, whatever state the collector is in. */
  begin(incomingHeaders: IncomingHttpHeaders, name: string): Span
}

/**
 * The traces of one application. Without an endpoint they are only ids, for the log and for other servers; OpenTelemetry,
 * which takes its time to load, is not.
 *
 * @param endpoint an OpenTelemetry collector: `http://127.0.0.1:4318`
 * @param onProblem is told, once a minute at most, why spans cannot be sent
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
