import type { Server } from 'node:net'
import { Registry } from 'prom-client'
import { listen } from '@sluice/shared/app/listen'
import { Running } from '@sluice/shared/app/running'
import { Connections } from '@sluice/shared/connections/connections'
import type { Address } from '@sluice/shared/network/address'
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
import { GatewayTrust } from '../request/gateway-trust.ts'
import { RepositoryUsers } from '../repository/repository-users.ts'
import { openCaches } from './parts/caches.ts'
import { openServer } from './parts/server.ts'
import { checkGnupgHome, checkReaper } from './parts/prerequisites.ts'
import { administrationAddress, openAdministration } from './parts/administration.ts'
import { openDispatcher, openNewRepositories } from './parts/dispatcher.ts'
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
  /** The root, the workers' runtime and git's version, for the log. */
  readonly facts: Readonly<Record<string, string>>
}

/**
 * Opens the parts of a host. Each needs those before it, and they are closed in the opposite order.
 *
 * @throws {ConfigError} where the root, git or the workers' runtime is missing, an address is taken, or the machine is
 *   too small for the configured sizes
 */
export async function startSupervisor(config: SupervisorConfig, log: Logger): Promise<Supervisor> {
  await using parts = new AsyncDisposableStack()
  checkReaper()
  await checkHookScript()
  await checkGnupgHome(config)
  const trust = parts.use(await GatewayTrust.open(config, log))
  const storage = parts.use(await openStorage(config, log))
  const { root, runtimeDirectory } = storage
  const registry = newRegistry()
  const metrics = new HostMetrics(registry)
  const workers = parts.use(await openWorkers(config, runtimeDirectory, metrics, log))
  const { pool, runJob, admission, leakCheck } = workers
  const caches = parts.use(await openCaches(config, admission, runtimeDirectory.path, log))
  const { packs, answers } = caches
  metrics.showCaches(answers, packs)
  const tracing = parts.use(await openTracing('supervisor', config.otlpEndpoint, (problem) => log.warn(problem)))
  const disks = watchDisks(config, storage, packs)
  metrics.showDisks(disks)
  const pushParts = parts.use(await openPushParts(config, disks, metrics, log))

  const connections = new Connections({ limit: workers.sizes.maxConnections })
  const running = new Running(connections)
  const { ending } = running
  const newRepositories = await openNewRepositories(config, storage, workers, log)
  const users = new RepositoryUsers()
  const common = { config, storage, workers, newRepositories, users, metrics, log }
  const { auditLog } = pushParts.audit
  const ownWork = parts.use(await openOwnWork({ ...common, disks, auditLog, registry }))
  const dispatcher = openDispatcher({ ...common, ...ownWork, caches, disks, pushParts, connections, ending })
  const readiness = readinessOfHost({ root, createOnPush: config.createOnPush, pool, runJob, disks }, running)
  const recorder = new Recorder(log, new RequestMetrics(registry), tracing)
  const activity = new Activity()
  const serverParts = { dispatcher, connections, running, activity, recorder, metrics, readiness, trust }
  const { server } = parts.use(await openServer(config, serverParts, log))
  const facts = { root, runtime: workers.runtime, git: workers.gitVersion }
  addProcessMetrics(registry, connections, readiness)
  const seen = { pool, admission, leakCheck, disks, activity, ...ownWork, readiness, facts }
  const pages = operatorsPages(registry, seen)
  const operations = config.supervisorOperations
    ? parts.use(await openOperations(config.supervisorOperations, 'SLUICE_SUPERVISOR_OPERATIONS', pages))
    : undefined
  const administered = administrationAddress(config, runtimeDirectory.path, log)
  const { mirrors } = ownWork
  parts.use(await openAdministration({ ...common, answers, mirrors, readOnly: pushParts.readOnly }, administered))
  const address = await listen(server, config.supervisor, 'SLUICE_SUPERVISOR')
  parts.defer(() => closeServer(server, connections))
  const ends = parts.move()
  return {
    server,
    address,
    operations: operations?.address,
    connections,
    running,
    leakCheck,
    facts,
    [Symbol.asyncDispose]: () => ends.disposeAsync(),
  }
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
