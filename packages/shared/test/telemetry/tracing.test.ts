import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { openTracing } from '../../src/telemetry/tracing.ts'
import type { Tracing } from '../../src/telemetry/tracing.ts'
import { version } from '../../src/version.ts'
import { patienceMs, patiently } from '../../testing/patience.ts'
import { until } from '../../testing/until.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const received = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'congo=t61rcWkgMzE' }
const ending = { name: 'GET', attributes: {}, failed: false }

test('without an endpoint, a request continues the trace that it came with', async () => {
  await using tracing = await openTracing('gateway', undefined, assert.fail)
  const span = tracing.begin(received, 'GET')
  assert.equal(span.traceId, traceId)
  assert.equal(span.parentId, spanId)
  assert.notEqual(span.spanId, spanId)
  assert.deepEqual(span.headers(), {
    traceparent: `00-${traceId}-${span.spanId}-01`,
    tracestate: received.tracestate,
  })
  span.end(ending)
})

test('without an endpoint, a request that came with no trace begins one', async () => {
  await using tracing = await openTracing('gateway', undefined, assert.fail)
  const span = tracing.begin({}, 'GET')
  assert.equal(span.parentId, undefined)
  assert.deepEqual(span.headers(), { traceparent: `00-${span.traceId}-${span.spanId}-01` })
})

test('OpenTelemetry is loaded if there is an endpoint, and only then', async () => {
  await using collector = await startCollector()
  assert.deepEqual((await inNewProcess(undefined)).modules, [])
  assert.ok((await inNewProcess(collector.endpoint)).modules.includes('@opentelemetry/sdk-trace'))
})

test('spans reach the collector with the ids that were passed on, and with their endings', async () => {
  await using collector = await startCollector()
  const tracing = await openTracing('gateway', collector.endpoint, assert.fail)
  const child = tracing.begin(received, 'GET')
  const root = tracing.begin({}, 'POST')
  const attributes = {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'sluice.cached': true,
    'error.type': undefined,
    'sluice.repository': 'x'.repeat(10_000),
  }
  child.end({ name: 'GET /{repository}/info/refs', attributes, failed: false })
  root.end({ name: 'POST', attributes: {}, failed: true })
  await tracing[Symbol.asyncDispose]()

  assert.deepEqual(collector.paths, ['POST /v1/traces'])
  const [sentChild, sentRoot] = collector.spans
  assert.ok(sentChild && sentRoot)
  assert.equal(sentChild.name, 'GET /{repository}/info/refs')
  assert.equal(sentChild.traceId, traceId)
  assert.equal(sentChild.parentSpanId, spanId)
  assert.equal(sentChild.spanId, child.spanId)
  assert.equal(sentChild.traceState, received.tracestate)
  assert.equal(sentChild.kind, otlpServerKind)
  assert.notEqual(sentChild.status.code, otlpError)
  const { 'error.type': _, ...defined } = attributes
  assert.deepEqual(valuesOf(sentChild), { ...defined, 'sluice.repository': 'x'.repeat(256) })
  assert.deepEqual(child.headers(), {
    traceparent: `00-${traceId}-${child.spanId}-01`,
    tracestate: received.tracestate,
  })
  assert.equal(child.parentId, spanId)

  assert.equal(sentRoot.traceId, root.traceId)
  assert.equal(sentRoot.spanId, root.spanId)
  assert.equal(sentRoot.parentSpanId ?? '', '')
  assert.equal(sentRoot.status.code, otlpError)
  assert.deepEqual(root.headers(), { traceparent: `00-${root.traceId}-${root.spanId}-01` })
  assert.equal(root.parentId, undefined)
})

test('spans name the application that sends them', async () => {
  await using collector = await startCollector()
  const tracing = await openTracing('supervisor', `${collector.endpoint}/`, assert.fail)
  tracing.begin({}, 'GET').end(ending)
  await tracing[Symbol.asyncDispose]()
  assert.deepEqual(collector.paths, ['POST /v1/traces'])
  const resource = valuesOf(collector.resources[0] ?? assert.fail('nothing was sent'))
  assert.equal(resource['service.name'], 'sluice-supervisor')
  assert.equal(resource['service.version'], version)
  assert.equal(resource['telemetry.sdk.language'], 'nodejs')
})

test('a request that its caller does not record is not recorded, and the next server is told so', async () => {
  await using collector = await startCollector()
  const tracing = await openTracing('gateway', collector.endpoint, assert.fail)
  const span = tracing.begin({ ...received, traceparent: `00-${traceId}-${spanId}-00` }, 'GET')
  assert.equal(span.traceId, traceId)
  assert.match(span.spanId, /^[0-9a-f]{16}$/)
  assert.notEqual(span.spanId, spanId)
  assert.deepEqual(span.headers(), {
    traceparent: `00-${traceId}-${span.spanId}-00`,
    tracestate: received.tracestate,
  })
  span.end(ending)
  await tracing[Symbol.asyncDispose]()
  assert.deepEqual(collector.spans, [])
})

test('OTEL_* variables decide neither what is recorded nor where it goes, and nothing is registered for the process', async () => {
  await using collector = await startCollector()
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/x',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1',
    OTEL_SERVICE_NAME: 'other',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other',
    OTEL_TRACES_SAMPLER: 'always_off',
    OTEL_SDK_DISABLED: 'true',
    OTEL_BSP_MAX_QUEUE_SIZE: '0',
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '0',
  }
  // Where the machine stands still, tracing gives up sending at its end.
  const { isGlobal, newEvents, timers } = await until('an end that is not given up', async () => {
    collector.spans.length = 0
    const seen = await inNewProcess(collector.endpoint, env)
    return seen.endMs < 2000 && seen
  })
  assert.equal(collector.spans.length, 1)
  assert.deepEqual(valuesOf(collector.spans[0] ?? assert.fail()), { 'http.request.method': 'GET' })
  assert.equal(valuesOf(collector.resources[0] ?? assert.fail())['service.name'], 'sluice-gateway')
  assert.equal(isGlobal, false)
  assert.deepEqual(newEvents, [])
  assert.equal(timers, 0, 'nothing is left that would hold up the end of the process')
})

test('why a collector cannot be reached is reported', async () => {
  const problems: string[] = []
  const tracing = await openTracing('gateway', await unusedEndpoint(), (message) => problems.push(message))
  endMany(tracing, batchSize)
  await until('the reason', () => problems.length > 0)
  await patiently('tracing to end', tracing[Symbol.asyncDispose]())
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', /^Spans cannot be sent to 127\.0\.0\.1:\d+: connect ECONNREFUSED/)
})

test('a problem that goes on is reported once a minute', async (t) => {
  let laterMs = 0
  const now = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => now() + laterMs)
  await using collector = await startCollector((_, outgoing) => outgoing.writeHead(404).end())
  const problems: string[] = []
  await using tracing = await openTracing('gateway', collector.endpoint, (message) => problems.push(message))
  // Batches are sent one after the other, so the first two have failed when the third is there.
  for (const batch of [1, 2, 3]) {
    endMany(tracing, batchSize)
    await until(`batch ${batch}`, () => collector.paths.length === batch)
  }
  assert.deepEqual(problems, [`Spans cannot be sent to ${new URL(collector.endpoint).host}: 404 Not Found`])
  laterMs = 61_000
  endMany(tracing, batchSize)
  await until('the second line', () => problems.length === 2)
})

test('spans that a slow collector does not take are dropped beyond a bound', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  await using collector = await startCollector((_, outgoing) => void released.then(() => outgoing.end('{}')))
  const tracing = await openTracing('gateway', collector.endpoint, () => {})
  const count = 10_000
  endMany(tracing, count)
  await until('the first batch', () => collector.paths.length > 0)
  endMany(tracing, count)
  release()
  // The end of tracing does not wait for a machine that is slow.
  await until('what was kept to come', () => collector.spans.length >= 2048)
  await tracing[Symbol.asyncDispose]()
  const { length } = collector.spans
  assert.ok(length >= 2048 && length <= 2048 + 2 * batchSize, `${length} spans were kept`)
})

test('a collector that never answers delays neither the end of tracing nor that of the process', async () => {
  await using collector = await startCollector(() => {})
  // If anything kept its process, that would be killed, and this would fail.
  await inNewProcess(collector.endpoint)
  assert.equal(collector.paths.length, 1)
})

test('a collector that never ends its answer is abandoned when tracing ends', async () => {
  await using collector = await startCollector((_, outgoing) => {
    const trickle = setInterval(() => outgoing.write(' '), 50)
    outgoing.on('close', () => clearInterval(trickle))
  })
  const tracing = await openTracing('gateway', collector.endpoint, () => {})
  endMany(tracing, 2 * batchSize)
  await until('the next batch, although the first has no end', () => collector.paths.length === 2)
  await patiently('tracing to end', tracing[Symbol.asyncDispose]())
  await until('the connection is closed', () => collector.connections() === 0)
})

test('a collector that accepts no connection is reported', async () => {
  await using unreachable = await startUnreachable()
  const problems: string[] = []
  await using tracing = await openTracing('gateway', unreachable.endpoint, (message) => problems.push(message))
  endMany(tracing, batchSize)
  await until('a line about it', () => problems.length > 0)
  assert.match(problems[0] ?? '', /timed out/)
})

test('a request that ends after tracing does no harm', async () => {
  await using collector = await startCollector()
  const tracing = await openTracing('gateway', collector.endpoint, assert.fail)
  const late = tracing.begin({}, 'GET')
  await tracing[Symbol.asyncDispose]()
  late.end(ending)
  tracing.begin({}, 'GET').end(ending)
  assert.deepEqual(collector.paths, [])
})

const batchSize = 128

function endMany(tracing: Tracing, count: number): void {
  for (let index = 0; index < count; index++) tracing.begin({}, 'GET').end(ending)
}

/** OTLP in JSON, as far as the tests read it: opentelemetry/proto/trace/v1/trace.proto. */
type OtlpAttributes = { attributes: { key: string; value: Record<string, unknown> }[] }
type OtlpSpan = OtlpAttributes & {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId?: string
  traceState?: string
  status: { code: number }
}
type OtlpExport = { resourceSpans: { resource: OtlpAttributes; scopeSpans: { spans: OtlpSpan[] }[] }[] }
const otlpServerKind = 2
const otlpError = 2

function valuesOf({ attributes }: OtlpAttributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

/** A collector that accepts everything. `answer` may make it misbehave. */
async function startCollector(answer: RequestListener = (_, outgoing) => outgoing.end('{}')) {
  const paths: string[] = []
  const spans: OtlpSpan[] = []
  const resources: OtlpAttributes[] = []
  const sockets = new Set<unknown>()
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      paths.push(`${incoming.method} ${incoming.url}`)
      for (const { resource, scopeSpans } of (JSON.parse(Buffer.concat(chunks).toString()) as OtlpExport)
        .resourceSpans) {
        resources.push(resource)
        spans.push(...scopeSpans.flatMap((scope) => scope.spans))
      }
      answer(incoming, outgoing)
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    spans,
    resources,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function unusedEndpoint(): Promise<string> {
  await using collector = await startCollector()
  return collector.endpoint
}

/**
 * A server whose thread sleeps and whose queue of connections is full, so that the next connection is never accepted.
 */
async function startUnreachable() {
  const program = `
    const { parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
    })
  `
  const worker = new Worker(program, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  const queued = Array.from({ length: 8 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}))
  await once(queued[0] ?? assert.fail(), 'connect')
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of queued) socket.destroy()
      await worker.terminate()
    },
  }
}

type Seen = {
  modules: string[]
  isGlobal: boolean
  newEvents: string[]
  timers: number
  /** How long the end of tracing took, in milliseconds. */
  endMs: number
}

/** Traces one request in a process of its own, and returns what that did to the process. */
async function inNewProcess(endpoint: string | undefined, env: Record<string, string> = {}): Promise<Seen> {
  const program = `
    import { registerHooks } from 'node:module'
    const modules = new Set()
    registerHooks({
      resolve(specifier, context, next) {
        const resolved = next(specifier, context)
        for (const [name] of resolved.url.matchAll(/@opentelemetry\\/[^/]+/g)) modules.add(name)
        return resolved
      },
    })
    const eventsBefore = process.eventNames()
    const { openTracing } = await import(${JSON.stringify(import.meta.resolve('../../src/telemetry/tracing.ts'))})
    const tracing = await openTracing('gateway', ${JSON.stringify(endpoint)}, () => {})
    tracing.begin({}, 'GET').end({ name: 'GET', attributes: { 'http.request.method': 'GET' }, failed: false })
    const ending = performance.now()
    await tracing[Symbol.asyncDispose]()
    console.log(JSON.stringify({
      endMs: performance.now() - ending,
      modules: [...modules],
      isGlobal: Symbol.for('opentelemetry.js.api.1') in globalThis,
      newEvents: process.eventNames().filter((name) => !eventsBefore.includes(name)),
      timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    }))
  `
  const child = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    env: { PATH: process.env['PATH'], ...env },
    timeout: patienceMs,
  })
  return JSON.parse(child.stdout) as Seen
}
