import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Registry } from 'prom-client'
import type { Address } from '@sluice/shared/network/address'
import { connectionLimit } from '@sluice/shared/connections/connection-limit'
import { Connections } from '@sluice/shared/connections/connections'
import { addGauge } from '@sluice/shared/telemetry/gauge'
import { normaliseHost } from '@sluice/shared/network/host-name'
import { createHttp2Server, createHttpServer, createHttpsServer } from '@sluice/shared/http/http-server'
import { http2WindowBytes } from '@sluice/shared/http/http2-sessions'
import { listen } from '@sluice/shared/app/listen'
import type { Logger } from '@sluice/shared/telemetry/log'
import { readMachine } from '@sluice/shared/machine/machine'
import { commonPages, openOperations } from '@sluice/shared/operations/operations'
import { addProcessMetrics } from '@sluice/shared/operations/process-metrics'
import { Recorder } from '@sluice/shared/telemetry/recorder'
import { RequestMetrics } from '@sluice/shared/telemetry/request-metrics'
import { Running } from '@sluice/shared/app/running'
import { openTlsFiles } from '@sluice/shared/http/tls-files'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import type { WatchedFiles } from '@sluice/shared/config/watched-files'
import { openTracing } from '@sluice/shared/telemetry/tracing'
import { noCache } from '@sluice/shared/http/no-cache'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { openAccessOf } from './open-access.ts'
import { createApp } from '../request/app.ts'
import { singleHost } from '../hosts/placement.ts'
import type { GatewayConfig } from '../config/config.ts'
import { allowOrigin } from '../client/cross-origin.ts'
import { connectHost } from '../hosts/host-connection.ts'
import { readinessOfGateway } from './readiness.ts'
import { sitesOf } from './sites.ts'
import { addClientMetrics, ClientAdmission } from '../admission/client-admission.ts'

const idleMarginMs = 5000

/** Towards the client, and towards the host. */
const descriptorsPerConnection = 2

export type Gateway = AsyncDisposable & {
  readonly server: Server
  readonly address: Address
  /** Where metrics are, if anywhere. */
  readonly operations: Address | undefined
  readonly running: Running
}

/** @throws {ConfigError} where an address is taken, or descriptors are too few */
export async function startGateway(config: GatewayConfig, log: Logger): Promise<Gateway> {
  await using started = new AsyncDisposableStack()
  const host = started.use(await connectHost(config, log))
  const connections = limitConnections(config, log)
  const running = new Running(connections)
  const access = started.use(await openAccessOf(config, log))
  const readiness = readinessOfGateway(running, host, access, config.hostWait)
  const registry = new Registry()
  registry.setDefaultLabels({ app: 'gateway' })
  const tracing = started.use(await openTracing('gateway', config.otlpEndpoint, (problem) => log.warn(problem)))
  const clientAdmission = new ClientAdmission(config)
  addClientMetrics(registry, clientAdmission)
  const waitingHelp = 'Requests that wait for their host to be there again.'
  addGauge(registry, 'sluice_host_waiting', waitingHelp, () => host.presence.waiting)
  const app = createApp({
    chooseHost: singleHost(host),
    readiness,
    connections,
    running,
    access,
    clientAdmission,
    recorder: new Recorder(log, new RequestMetrics(registry), tracing),
    proxyTrust: config,
    sites: sitesOf(config),
    asides: { ...config, origin: { trust: config, publicUrl: config.publicUrl } },
    interimReplies: config.interimReplies,
    minUploadRate: config.minUploadRate,
    hostWait: config.hostWait,
    // The host's own deadline comes first, since it knows more; this one is for what does not get there. Who waits, here and
    // then there, is not idle.
    idleTimeout: Math.max(config.idleTimeout, 2 * config.queueTimeout) + idleMarginMs,
    silentGitTimeout: Math.max(config.silentGitTimeout, 2 * config.queueTimeout) + idleMarginMs,
  })
  const listener = getRequestListener(app.fetch, {
    // For requests without a Host header, which HTTP/1.0 allows.
    hostname: 'localhost',
    // The exchange sees to what is left of a request's body.
    autoCleanupIncoming: false,
    overrideGlobalObjects: false,
    errorHandler: (error) => answerUnreadable(error, log),
  })
  const server = await openServer(
    (incoming, outgoing) => {
      normaliseHost(incoming)
      allowOrigin(incoming, outgoing, config.corsOrigins)
      void listener(incoming, outgoing)
    },
    config,
    log,
    started,
  )
  connections.watch(server)
  addProcessMetrics(registry, connections, readiness)
  const pages = commonPages(registry, readiness)
  const operations = config.gatewayOperations
    ? started.use(await openOperations(config.gatewayOperations, 'SLUICE_GATEWAY_OPERATIONS', pages))
    : undefined
  const address = await listen(server, config.listen, 'SLUICE_LISTEN', config)
  started.defer(() => {
    server.close()
    connections.destroyAll()
  })
  const dispose = started.move()
  return {
    server,
    address,
    operations: operations?.address,
    running,
    [Symbol.asyncDispose]: () => dispose.disposeAsync(),
  }
}

async function openServer(
  listener: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
  config: GatewayConfig,
  log: Logger,
  started: AsyncDisposableStack,
): Promise<Server> {
  const files = await openGatewayTls(config, log, (material) => {
    if ('setSecureContext' in server) server.setSecureContext(material)
  })
  if (!files) return createHttpServer(listener, config)
  started.use(files)
  const onTlsProblem = (code: string, peer?: string) => log.debug({ code, peer }, 'a connection was not secured')
  const create = config.http2 ? createHttp2Server : createHttpsServer
  const server: ReturnType<typeof create> = create(listener, { ...config, tls: files.current, onTlsProblem })
  return server
}

/** @returns undefined where clients are served without TLS */
export async function openGatewayTls(
  { tlsCertificate: certificate, tlsKey: key }: GatewayConfig,
  log: Logger,
  onChange: (material: TlsMaterial) => void,
): Promise<WatchedFiles<TlsMaterial> | undefined> {
  if (certificate === undefined && key === undefined) return undefined
  return await openTlsFiles({ certificate, key }, 'SLUICE_TLS_CERTIFICATE and SLUICE_TLS_KEY', log, onChange)
}

/** One address may hold half of the connections, unless it is that of a proxy. */
function limitConnections({ maxConnections, trustedProxies }: GatewayConfig, log: Logger): Connections {
  const { descriptors, memoryBytes } = readMachine()
  const { limit, warning } = connectionLimit(maxConnections, descriptors.limit, descriptorsPerConnection, memoryBytes)
  if (warning !== undefined) log.warn(warning)
  return new Connections({
    limit,
    perAddress: Math.ceil(limit / 2),
    streams: Math.max(1, Math.min(limit, Math.floor(memoryBytes / 8 / http2WindowBytes))),
    isProxy: (address) => trustedProxies.has(address),
    closesIdle: true,
  })
}

/** A request that Hono cannot make a URL of, such as one with a backslash or an impossible Host, never becomes an exchange. */
function answerUnreadable(error: unknown, log: Logger): Response {
  const refusal = new Refusal('bad_address')
  const requestId = randomUUID()
  log.info(
    { requestId, outcome: refusal.outcome, reason: refusal.reason, status: refusal.status, err: error },
    'unreadable',
  )
  const headers = { ...noCache, 'Content-Type': 'text/plain; charset=utf-8', 'X-Request-Id': requestId }
  return new Response(`${refusal.sentence}\n`, { status: refusal.status, headers })
}
