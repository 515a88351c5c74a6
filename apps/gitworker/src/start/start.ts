import type { Server } from 'node:net'
import { Registry } from 'prom-client'
import { listen } from '@sluice/shared/app/listen'
import { Running } from '@sluice/shared/app/running'
import { Connections } from '@sluice/shared/connections/connections'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { Address } from '@sluice/shared/network/address'
import type { Pages, Streams } from '@sluice/shared/operations/operations'
import type { EventStream } from '../events/listeners/event-stream.ts'
import { openOperations } from '@sluice/shared/operations/operations'
import { addProcessMetrics } from '@sluice/shared/operations/process-metrics'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Recorder } from '@sluice/shared/telemetry/recorder'
import { RequestMetrics } from '@sluice/shared/telemetry/request-metrics'
import { openTracing } from '@sluice/shared/telemetry/tracing'
import type { SupervisorConfig } from '../config/config.ts'
import { checkHookScript } from '../hooks/push-folder.ts'
import { Activity } from '../operations/activity.ts'
import { HostMetrics } from '../operations/metrics.ts'
import { operatorsPages } from '../operations/operators-pages.ts'
import { readinessOfHost } from '../operations/readiness.ts'
import type { LeakCheck } from '../process/leak-check.ts'
import { GatewayTrust } from '../request/trust/gateway-trust.ts'
import { RepositoryUsers } from '../repository/repository-users.ts'
import { openCluster } from './parts/cluster.ts'
import type { Cluster } from './parts/cluster.ts'
import { openEvents } from './parts/events/events.ts'
import { openCaches } from './parts/caches.ts'
import { partOf } from './parts/startable-part.ts'
import { openServer } from './parts/server.ts'
import { checkGnupgHome, checkReaper } from './parts/prerequisites.ts'
import { administrationAddress, openAdministration } from './administration/open-administration.ts'
import { openDispatcher, openNewRepositories } from './parts/dispatcher.ts'
import { openMoving } from './administration/moving.ts'
import { openOwnWork } from './parts/own-work/own-work.ts'
import { openPushParts } from './parts/push-parts.ts'
import { openStorage, watchDisks } from './parts/storage.ts'
import { openWorkers } from './parts/workers.ts'

export type Supervisor = AsyncDisposable & {
  readonly server: Server
  readonly address: Address
  /** The address of metrics and the status page; undefined where they are not served. */
  readonly operations: Address | undefined
  readonly connections: Connections
  readonly running: Running
  readonly leakCheck: LeakCheck
  /** Undefined where there is one host only. */
  readonly cluster: Cluster | undefined
  /** The root, the workers' runtime and git's version, for the log. */
  readonly facts: Readonly<Record<string, string>>
}

/**
 * Opens the parts of a host. Each needs those before it, and they are closed in the opposite order.
 *
 * @param coordinator of a cluster whose members are in one process; else the settings name it
 * @throws {ConfigError} where the root, git or the workers' runtime is missing, an address is taken, or the machine is
 *   too small for the configured sizes
 */
export async function startSupervisor(
  config: SupervisorConfig,
  log: Logger,
  coordinator?: Coordinator,
): Promise<Supervisor> {
  await using parts = new AsyncDisposableStack()
  await checkSurroundings(config)
  const trust = parts.use(await GatewayTrust.open(config, log))
  const storage = parts.use(await openStorage(config, log))
  const { root, runtimeDirectory } = storage
  const registry = newRegistry()
  const metrics = new HostMetrics(registry)
  // Everything else is over when this host leaves its cluster.
  const cluster = await openCluster(config, registry, log, coordinator)
  if (cluster) parts.use(cluster)
  const workers = parts.use(await openWorkers(config, runtimeDirectory, metrics, log))
  const { pool, runJob, admission, leakCheck } = workers
  const caches = parts.use(await openCaches(config, admission, runtimeDirectory.path, log))
  const { packs, answers } = caches
  metrics.showCaches(answers, packs)
  const tracing = parts.use(await openTracing('supervisor', config.otlpEndpoint, (problem) => log.warn(problem)))
  const disks = watchDisks(config, storage, packs)
  metrics.showDisks(disks)
  const pushParts = parts.use(await openPushParts(config, disks, metrics, log))

  // Before the repositories that pushes have made in vain are removed.
  const { eventLog, desk, stream } = parts.use(await openEvents({ config, storage, workers, disks, registry, log }))
  const connections = new Connections({ limit: workers.sizes.maxConnections })
  const running = new Running(connections)
  const newRepositories = await openNewRepositories(config, storage, workers, log, cluster?.placement)
  const users = new RepositoryUsers()
  const placed = { newRepositories, users, placement: cluster?.placement }
  const common = { config, storage, workers, ...placed, eventLog, metrics, log }
  const { auditLog } = pushParts.audit
  const { ending } = running
  const moving = await openMoving(config, storage, cluster?.placement, log)
  const forOwnWork = { cluster, moving, answers, running, ending, disks, auditLog, registry }
  const ownWork = parts.use(await openOwnWork({ ...common, ...forOwnWork }))
  const { forHosts } = ownWork
  const forRequests = { ...ownWork, caches, disks, pushParts, connections, ending }
  const dispatcher = openDispatcher({ ...common, ...forRequests })
  const readiness = readinessOfHost({ root, config, pool, runJob, disks, cluster }, running)
  const recorder = new Recorder(log, new RequestMetrics(registry), tracing)
  const activity = new Activity()
  const serverParts = { dispatcher, connections, running, activity, recorder, metrics, readiness, trust, forHosts }
  const { server } = parts.use(await openServer(config, serverParts, log))
  const facts = { root, runtime: workers.runtime, git: workers.gitVersion }
  addProcessMetrics(registry, connections, readiness)
  const pages = operatorsPages(registry, { ...workers, disks, activity, ...ownWork, desk, readiness, facts })
  const operations = await openOperatorsAddress(config, { ...pages, ...cluster?.pages, ...ownWork.pages }, stream)
  if (operations) parts.use(operations)
  const administered = administrationAddress(config, runtimeDirectory.path, log)
  const forAdministration = { moving, answers, readOnly: pushParts.readOnly, desk, auditLog, cluster }
  parts.use(await openAdministration({ ...common, ...ownWork, ...forAdministration }, administered))
  const address = await listen(server, config.supervisor, 'SLUICE_SUPERVISOR')
  parts.defer(() => closeServer(server, connections))
  await cluster?.join(address)
  const shown = { operations: operations?.address, leakCheck, facts }
  return partOf(parts, { server, address, connections, running, cluster, ...shown })
}

async function checkSurroundings(config: SupervisorConfig): Promise<void> {
  checkReaper()
  await checkHookScript()
  await checkGnupgHome(config)
}

async function openOperatorsAddress(
  { supervisorOperations: address }: SupervisorConfig,
  pages: Pages,
  stream: EventStream | undefined,
) {
  const streams: Streams = stream ? { '/-/events': (incoming, outgoing) => stream.serve(incoming, outgoing) } : {}
  return address && (await openOperations(address, 'SLUICE_SUPERVISOR_OPERATIONS', pages, streams))
}

function newRegistry(): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ app: 'supervisor' })
  return registry
}

function closeServer(server: Server, connections: Connections): void {
  server.close()
  connections.destroyAll()
}
