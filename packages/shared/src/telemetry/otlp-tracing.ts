import { randomUUID } from 'node:crypto'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import type { Context } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import { within } from '../machine/race.ts'
import { errnoOf } from '../machine/errno.ts'
import { headersOf, receivedContext } from './trace-context.ts'
import type { TraceContext } from './trace-context.ts'
import type { Span, Tracing } from './tracing.ts'
import { version } from '../version.ts'

/** How long a batch may take to be sent, and how long the application waits at its end for the last ones. */
const sendWithinMs = 2000

/** Spans beyond this number are dropped. This bounds the memory that a collector costs while it is down. */
const maxWaiting = 2048

/** A batch is made in one turn of the event loop: this many spans take about a millisecond. */
const batchSize = 128

const maxAttributeLength = 256
const problemEveryMs = 60_000

/**
 * Makes spans with OpenTelemetry's SDK and sends them to a collector as OTLP/HTTP in JSON. The SDK is used as a
 * library: nothing is registered for the whole process. Everything that matters is set here rather than by OTEL_*
 * variables. Of those, only the exporter's OTEL_EXPORTER_OTLP_HEADERS, for a collector's key, and …_COMPRESSION have an
 * effect.
 */
export function openOtlpTracing(app: string, endpoint: string, onProblem: (message: string) => void): Tracing {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`
  // With an agent of our own, connections can be ended. The timeout is for connections that are never made.
  const agentOptions = { keepAlive: true, timeout: sendWithinMs }
  const agent = url.startsWith('https:') ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions)
  const exporter = new OTLPTraceExporter({
    url,
    timeoutMillis: sendWithinMs,
    concurrencyLimit: maxWaiting / batchSize + 1,
    httpAgentOptions: () => agent,
  })
  const provider = new TracerProvider({
    resource: resourceOf(app),
    // The server that began a trace decides whether it is recorded. Traces that begin here are recorded.
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanLimits: { attributeValueLengthLimit: maxAttributeLength },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: reporting(exporter, new URL(url), onProblem),
        maxQueueSize: maxWaiting,
        maxExportBatchSize: batchSize,
        scheduledDelayMillis: 5000,
        exportTimeoutMillis: sendWithinMs,
      }),
    ],
  })
  const tracer = provider.getTracer('sluice', version)

  return {
    begin(incomingHeaders, name): Span {
      const parent = receivedContext(incomingHeaders)
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, parent ? remote(parent) : ROOT_CONTEXT)
      const { traceId, spanId, traceFlags } = span.spanContext()
      return {
        traceId,
        spanId,
        parentId: parent?.spanId,
        headers: () =>
          headersOf({ traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0, state: parent?.state }),
        end(ending) {
          span.updateName(ending.name)
          span.setAttributes(ending.attributes)
          if (ending.failed) span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
    async [Symbol.asyncDispose]() {
      const sent = provider.shutdown().catch(() => {})
      await within(sendWithinMs, sent, undefined)
      agent.destroy()
    },
  }
}

function resourceOf(app: string) {
  return defaultResource().merge(
    resourceFromAttributes({
      'service.name': `sluice-${app}`,
      'service.version': version,
      'service.instance.id': randomUUID(),
    }),
  )
}

function remote({ traceId, spanId, sampled, state }: TraceContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state !== undefined && { traceState: createTraceState(state) }),
  })
}

/** Reports the failures of an exporter, which the SDK would keep to itself. */
function reporting(exporter: SpanExporter, url: URL, onProblem: (message: string) => void): SpanExporter {
  let quietUntil = 0
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const now = performance.now()
        if (result.error && now >= quietUntil) {
          quietUntil = now + problemEveryMs
          onProblem(`Spans cannot be sent to ${url.host}: ${reasonOf(result.error)}`)
        }
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

/** Where a collector refuses, the code is its HTTP status. An error about all addresses of a name has no message. */
function reasonOf(error: Error): string {
  const status = 'code' in error && typeof error.code === 'number' ? `${error.code} ` : ''
  return status + (error.message || errnoOf(error) || error.name)
}
