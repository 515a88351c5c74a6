import { statfsSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { Server as TlsServer } from 'node:tls'
import { Registry } from 'prom-client'
import type { Address } from '@sluice/shared/network/address'
import { ConfigError, isPassing } from '@sluice/shared/config/config'
import { Connections } from '@sluice/shared/connections/connections'
import { errnoOf } from '@sluice/shared/machine/errno'
import { listen } from '@sluice/shared/app/listen'
import type { Logger } from '@sluice/shared/telemetry/log'
import { readMachine } from '@sluice/shared/machine/machine'
import { openOperations } from '@sluice/shared/operations/operations'
import { addProcessMetrics } from '@sluice/shared/operations/process-metrics'
import { Recorder } from '@sluice/shared/telemetry/recorder'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { refRulesBy } from '@sluice/shared/git/ref-rules'
import { lookUpBy } from '@sluice/shared/git/repository-pattern'
import { RequestMetrics } from '@sluice/shared/telemetry/request-metrics'
import { Running } from '@sluice/shared/app/running'
import { openTlsFiles } from '@sluice/shared/http/tls-files'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import { openTracing } from '@sluice/shared/telemetry/tracing'
import { AnswerCache } from '../cache/references/answers.ts'
import type { Producer } from '../cache/packs/intake.ts'
import { PackCache } from '../cache/packs/pack-cache.ts'
import type { SupervisorConfig } from '../config/config.ts'
import type { GitOptions } from '../git/command.ts'
import { writeConfigFiles } from '../git/config-file.ts'
import { jobRunner } from '../process/job.ts'
import { Activity } from '../operations/activity.ts'
import { AdaptiveLimit } from '../capacity/adaptive-limit.ts'
import { Admission, laneReasons } from '../capacity/admission.ts'
import { LeakCheck } from '../process/leak-check.ts'
import { WayClearer } from '../sweep/clear-the-way.ts'
import { NewHeads } from '../repository/default-branch.ts'
import { DiskSpace } from '../capacity/disk-space.ts'
import { FilterOffer } from '../repository/filter-offer.ts'
import { createListener } from '../request/listener.ts'
import { GatewayTrust } from '../request/gateway-trust.ts'
import { HostMetrics } from '../operations/metrics.ts'
import { NewRepositories } from '../creation/new-repositories.ts'
import { operatorsPages } from '../operations/operators-pages.ts'
import { Pool } from '../process/pool.ts'
import { openOperatorsHooks } from '../hooks/operators-hooks.ts'
import { checkGit, checkGnupgHome, checkReaper, openRoot } from './preflight.ts'
import { checkHookScript } from '../hooks/push-folder.ts'
import { PushSettings } from '../repository/push-settings.ts'
import { ReadAheadBudget } from '../body/read-ahead.ts'
import { readinessOfHost } from '../operations/readiness.ts'
import { openRuntimeDirectory } from './runtime-directory.ts'
import type { RuntimeDirectory } from './runtime-directory.ts'
import type { Host } from '../request/host.ts'
import { GitProducer } from '../request/serve-fetch.ts'
import { ServiceSwitch } from '../repository/service-switch.ts'
import { chooseSizes } from '../capacity/sizing.ts'
import type { Sizes } from '../capacity/sizing.ts'
import { findWorkerRuntime } from '../process/worker-runtime.ts'

export type Supervisor = AsyncDisposable & {
  readonly server: Server
  readonly address: Address
  /** Where metrics and the status page are, if anywhere. */
  readonly operations: Address | undefined
  readonly connections: Connections
  readonly running: Running
  readonly leakCheck: LeakCheck
  /** What was found at the start, for the log. */
  readonly facts: Readonly<Record<string, string>>
}

/** @throws {ConfigError} where the root, git or the workers' runtime is missing, an address is taken, or the sizes cannot work */
export async function startSupervisor(config: SupervisorConfig, log: Logger): Promise<Supervisor> {
  await using started = new AsyncDisposableStack()
  checkReaper()
  await checkHookScript()
  await checkGnupgHome(config)
  const operatorsHooks = await openOperatorsHooks(config.hooksFolder)
  const trust = started.use(await GatewayTrust.open(config, log))
  const root = await openRoot(config)
  const runFolder = started.use(await openRuntimeDirectory(config.runFolder, config.killGrace, log))
  const runtime = await findWorkerRuntime(config.workerRuntime, runFolder.path)
  if (runtime.name === 'node') {
    log.warn(
      'workers run on Node: each costs more to start, and what git leaves is looked for in /proc and reaped by PID 1',
    )
  }
  const { sizes, why, facts: sized, warnings } = chooseSizes(config, readMachine(), runtime.name)
  log.info(sized, why)
  for (const warning of warnings) log.warn(warning)

  const registry = new Registry()
  registry.setDefaultLabels({ app: 'supervisor' })
  const metrics = new HostMetrics(registry)
  const onStart = (milliseconds: number | undefined) => metrics.workerStarted(milliseconds)
  const pool = started.use(
    new Pool(
      { runtime, cwd: runFolder.empty, startTimeout: config.workerStartTimeout, warm: config.warmWorkers, onStart },
      log,
    ),
  )
  const admission = openAdmission(config, sizes, metrics)
  const adaptive = config.adaptiveFetchSlots ? started.use(adapt(admission, log)) : undefined
  const configFiles = await writeConfigFiles(runFolder.gitConfig, config)
  const path = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
  const git: GitOptions = { ...config, path, cwd: runFolder.empty, configFiles }
  const runJob = jobRunner(pool, git, admission.lanes.job)
  const gitVersion = await checkGit(config.git, runJob)

  const leakCheck = started.use(new LeakCheck(log))
  metrics.show(pool, admission, () => leakCheck.last, adaptive)
  const packs = started.use(await openPackCache(config, admission, runFolder, log))
  const onGone = (state: number) => packs.forget(state)
  const { referenceCache: maxBytes } = config
  const answers = maxBytes === undefined ? undefined : started.use(new AnswerCache({ maxBytes, onGone }))
  metrics.showCaches(answers, packs)
  const tracing = started.use(await openTracing('supervisor', config.otlpEndpoint, (problem) => log.warn(problem)))
  const connections = new Connections({ limit: sizes.maxConnections })
  const running = new Running(connections)
  const activity = new Activity()
  const disks = new DiskSpace(
    { root, run: runFolder.path, ...(packs.usesDisk && { spool: packs.folder }) },
    config.minFreeDisk,
  )
  metrics.showDisks(disks)
  const host: Host = {
    ...config,
    root,
    connections,
    ending: running.ending,
    log,
    graces: { push: config.pushGrace, kill: config.killGrace },
    git,
    runFolder,
    leakCheck,
    admission,
    pool,
    runJob,
    newRepositories: await NewRepositories.open({
      runFolder: runFolder.path,
      root,
      format: config.defaultObjectFormat,
      runJob,
      log,
    }),
    newHeads: new NewHeads(runJob),
    answers,
    packs,
    sharesPacks: config.packCache !== undefined,
    build: `${gitVersion} ${JSON.stringify(git)}`,
    onGitEnded: (service, report) => metrics.gitEnded(service, report),
    sweeper: runFolder.sweeper,
    wayClearer: new WayClearer(),
    disks,
    serviceSwitch: new ServiceSwitch(),
    pushSettings: new PushSettings(),
    operatorsHooks,
    filterOffer: new FilterOffer(),
    readAhead: new ReadAheadBudget(),
    maxPush: lookUpBy(config.maxPush),
    protectedRefs: config.protectedRefs.length === 0 ? undefined : refRulesBy(config.protectedRefs),
  }
  const readiness = readinessOfHost(host, running)
  const recorder = new Recorder(log, new RequestMetrics(registry), tracing)
  const tls = await openHostTls(config, log, (material) => {
    if (server instanceof TlsServer) server.setSecureContext(material)
  })
  if (tls) started.use(tls)
  const server = createListener({
    host,
    connections,
    running,
    activity,
    recorder,
    metrics,
    readiness,
    trust,
    headerTimeout: config.headerTimeout,
    tls: tls?.current,
    onTlsProblem: (code, peer) => log.debug({ code, peer }, 'a connection was not secured'),
  })
  const facts = { root, runtime: runtime.name, git: gitVersion }
  addProcessMetrics(registry, connections, readiness)
  const pages = operatorsPages(registry, { host, activity, readiness, facts })
  const operations = config.supervisorOperations
    ? started.use(await openOperations(config.supervisorOperations, 'SLUICE_SUPERVISOR_OPERATIONS', pages))
    : undefined
  const address = await listen(server, config.supervisor, 'SLUICE_SUPERVISOR')
  started.defer(() => {
    server.close()
    connections.destroyAll()
  })
  const dispose = started.move()
  return {
    server,
    address,
    operations: operations?.address,
    connections,
    running,
    leakCheck,
    facts,
    [Symbol.asyncDispose]: () => dispose.disposeAsync(),
  }
}

export async function openHostTls(config: SupervisorConfig, log: Logger, onChange: (material: TlsMaterial) => void) {
  const paths = { certificate: config.hostTlsCertificate, key: config.hostTlsKey, ca: config.hostTlsCa }
  if (Object.values(paths).every((path) => path === undefined)) return undefined
  return await openTlsFiles(paths, 'SLUICE_HOST_TLS_CERTIFICATE, _KEY and _CA', log, onChange)
}

function openAdmission(config: SupervisorConfig, sizes: Sizes, metrics: HostMetrics): Admission {
  const { largestShare, queueLength, queueTimeout } = config
  const lane = (slots: number) => ({ slots, largestShare, queueLength, queueTimeout, reasons: laneReasons })
  return new Admission(
    {
      'fetch': lane(sizes.fetchSlots),
      'push': lane(sizes.pushSlots),
      'push-advertisement': lane(sizes.pushAdvertisementSlots),
      // Jobs are the supervisor's own: none has a claim before another.
      'job': { ...lane(sizes.jobSlots), largestShare: 1 },
    },
    (name, milliseconds) => metrics.waited(name, milliseconds),
  )
}

async function openPackCache(
  { packCache: budgetBytes, fetchAhead: aheadBytes, minDownloadRate, queueTimeout, spoolFolder }: SupervisorConfig,
  { lanes }: Admission,
  runFolder: RuntimeDirectory,
  log: Logger,
): Promise<PackCache> {
  const folder = spoolFolder === 'auto' ? join(runFolder.path, 'spool') : spoolFolder
  const slowReaders = {
    isWaitedFor: (one: Producer) =>
      one instanceof GitProducer && one.holdsSlot && lanes[one.lane].isWaitedFor(one.claim),
    minBytesPerSecond: minDownloadRate,
    windowMs: (queueTimeout * 2) / 3,
    tooSlow: () => new Refusal('slow_download'),
  }
  try {
    const packs = await PackCache.open({
      folder,
      budgetBytes,
      aheadBytes,
      slowReaders,
      onProblem: (problem) => log.warn(problem),
    })
    if (packs.usesDisk && isInMemory(folder)) log.warn({ folder }, spoolInMemory)
    return packs
  } catch (error) {
    const problem = `SLUICE_SPOOL_FOLDER: ${folder} cannot be used (${errnoOf(error)}).`
    throw new ConfigError([problem], { mayHeal: isPassing(errnoOf(error)) })
  }
}

const spoolInMemory =
  'SLUICE_SPOOL_FOLDER is in memory (tmpfs), which packs of up to SLUICE_PACK_CACHE and SLUICE_FETCH_AHEAD would take: name a folder on a disk, or lower both'

/** tmpfs and ramfs, by statfs(2)'s numbers. */
function isInMemory(folder: string): boolean {
  const { type } = statfsSync(folder)
  return type === 0x0102_1994 || type === 0x8584_58f6
}

function adapt({ lanes }: Admission, log: Logger): AdaptiveLimit {
  return new AdaptiveLimit({
    configured: lanes.fetch.limits.slots,
    onChange: (slots) => lanes.fetch.resize(slots),
    log,
  })
}
