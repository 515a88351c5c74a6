import type { Server } from 'node:net'
import { listen } from '@sluice/shared/app/listen'
import { Running } from '@sluice/shared/app/running'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import type { Address } from '@sluice/shared/network/address'
import { commonPages, openOperations } from '@sluice/shared/operations/operations'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Recorder } from '@sluice/shared/telemetry/recorder'
import { RequestMetrics } from '@sluice/shared/telemetry/request-metrics'
import { openTracing } from '@sluice/shared/telemetry/tracing'
import { ClientAdmission } from '../admission/client-admission.ts'
import type { GatewayConfig } from '../config/config.ts'
import { answer } from '../request/answer.ts'
import { createApp } from '../request/app.ts'
import type { IdlenessLimits } from '../request/idleness.ts'
import { limitConnections } from './connections.ts'
import { listenerFor } from './listener.ts'
import { metricsOf } from './metrics.ts'
import { startAccess } from './access.ts'
import { openPlacement } from './placement.ts'
import type { CoordinatorOpener } from './placement.ts'
import { readinessOfGateway } from './readiness.ts'
import { showCluster } from './show-cluster.ts'
import { openServer } from './server.ts'
import { sitesOf } from './sites.ts'

export type Gateway = AsyncDisposable & {
  readonly server: Server
  readonly address: Address
  /** The address of metrics; undefined if they are not served. */
  readonly operations: Address | undefined
  readonly running: Running
}

/**
 * Starts the parts of a gateway one after the other. Disposing ends them in the opposite order, and so does a part that
 * cannot start.
 *
 * @param coordinator opens what the settings of a cluster lead to
 * @throws {ConfigError} where a setting or a file of it is not right, an address is taken, or descriptors are too few
 */
export async function startGateway(
  config: GatewayConfig,
  log: Logger,
  coordinator: CoordinatorOpener = openCoordinator,
): Promise<Gateway> {
  await using parts = new AsyncDisposableStack()
  const placement = parts.use(await openPlacement(config, log, coordinator))
  const connections = limitConnections(config, log)
  const access = parts.use(await startAccess(config, log))
  const tracing = parts.use(await openTracing('gateway', config.otlpEndpoint, (problem) => log.warn(problem)))

  const clientAdmission = new ClientAdmission(config)
  const running = new Running(connections)
  const readiness = readinessOfGateway(running, placement, access)
  const registry = metricsOf({ placement, clientAdmission, connections, readiness })
  const clusterPage = placement.cluster ? showCluster(placement.cluster, registry, config.listen) : {}
  const recorder = new Recorder(log, new RequestMetrics(registry), tracing)

  const { minUploadRate, hostWait, interimReplies, publicUrl } = config
  const git = { access, clientAdmission, placement, minUploadRate, hostWait, ...idlenessLimits(config) }
  const asides = { ...config, origin: { trust: config, publicUrl } }
  const answering = { running, recorder, connections, sites: sitesOf(config), asides, git }
  const app = createApp({
    readiness,
    proxyTrust: config,
    interimReplies,
    answer: (exchange) => answer(exchange, answering),
  })

  const { server } = parts.use(await openServer(config, listenerFor(app, config.corsOrigins, log), log))
  connections.watch(server)
  const pages = { ...commonPages(registry, readiness), ...clusterPage }
  const operations = config.gatewayOperations
    ? parts.use(await openOperations(config.gatewayOperations, 'SLUICE_GATEWAY_OPERATIONS', pages))
    : undefined
  const address = await listen(server, config.listen, 'SLUICE_LISTEN', config)
  parts.defer(() => {
    server.close()
    connections.destroyAll()
  })
  const started = parts.move()
  const end = () => started.disposeAsync()
  return { server, address, operations: operations?.address, running, [Symbol.asyncDispose]: end }
}

const idleMarginMs = 5000

/**
 * The host's own deadlines come first, because the host knows more. The gateway's are for requests that do not reach
 * it. A request that waits for a slot, here and then there, is not idle.
 */
function idlenessLimits({
  idleTimeout,
  silentGitTimeout,
  queueTimeout,
}: IdlenessLimits & { readonly queueTimeout: number }): IdlenessLimits {
  return {
    idleTimeout: Math.max(idleTimeout, 2 * queueTimeout) + idleMarginMs,
    silentGitTimeout: Math.max(silentGitTimeout, 2 * queueTimeout) + idleMarginMs,
  }
}
