import { join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { readMachine } from '@sluice/shared/machine/machine'
import type { Admission } from '../capacity/admission.ts'
import type { AdaptiveLimit } from '../capacity/adaptive-limit.ts'
import { chooseSizes } from '../capacity/sizing.ts'
import type { Sizes } from '../capacity/sizing.ts'
import type { SupervisorConfig } from '../config/config.ts'
import type { GitOptions } from '../git/command.ts'
import { writeConfigFiles } from '../git/config-file.ts'
import type { HostMetrics } from '../operations/metrics.ts'
import { jobRunner } from '../process/job.ts'
import type { RunJob } from '../process/job.ts'
import { LeakCheck } from '../process/leak-check.ts'
import { Pool } from '../process/pool.ts'
import { SpawnLog } from '../process/spawn-log.ts'
import { SpawnedWorker } from '../process/spawn/spawned-worker.ts'
import { findWorkerRuntime } from '../process/spawn/worker-runtime.ts'
import type { WorkerRuntime } from '../process/spawn/worker-runtime.ts'
import { adaptFetchSlots, openLanes } from './lanes.ts'
import { partOf } from './part.ts'
import type { Part } from './part.ts'
import { checkGit } from './prerequisites.ts'
import type { RuntimeDirectory } from './runtime-directory.ts'

/** What runs git, with the limits on how many run at once. */
export type Workers = Part<{
  readonly runtime: WorkerRuntime['name']
  readonly sizes: Sizes
  readonly pool: Pool
  readonly admission: Admission
  /** Undefined where the number of slots for fetches is fixed. */
  readonly adaptive: AdaptiveLimit | undefined
  readonly git: GitOptions
  readonly gitVersion: string
  readonly spawnLog: SpawnLog
  readonly runJob: RunJob
  readonly leakCheck: LeakCheck
}>

/** @throws {ConfigError} where git or the workers' runtime is missing, or the sizes cannot work */
export async function openWorkers(
  config: SupervisorConfig,
  runtimeDirectory: RuntimeDirectory,
  metrics: HostMetrics,
  log: Logger,
): Promise<Workers> {
  await using opened = new AsyncDisposableStack()
  const runtime = await findRuntime(config, runtimeDirectory, log)
  const sizes = sizesFor(config, runtime.name, log)
  const spawnOptions = { runtime, cwd: runtimeDirectory.empty, startTimeout: config.workerStartTimeout }
  const pool = opened.use(
    new Pool(
      {
        startWorker: () => new SpawnedWorker(spawnOptions),
        warm: config.warmWorkers,
        onStart: (milliseconds) => metrics.workerStarted(milliseconds),
      },
      log,
    ),
  )
  const admission = openLanes(config, sizes, metrics)
  const adaptive = config.adaptiveFetchSlots ? opened.use(adaptFetchSlots(admission, log)) : undefined
  const configFiles = await writeConfigFiles(runtimeDirectory.gitConfig, config)
  const path = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
  const git: GitOptions = { ...config, path, cwd: runtimeDirectory.empty, configFiles }
  const spawnLog = SpawnLog.open(log, config.gitTrace, join(runtimeDirectory.path, 'traces'))
  const runJob = jobRunner(pool, git, admission.lanes.job, spawnLog)
  const gitVersion = await checkGit(config.git, runJob)
  const leakCheck = opened.use(new LeakCheck(log))
  metrics.show(pool, admission, () => leakCheck.last, adaptive)
  return partOf(opened, {
    runtime: runtime.name,
    sizes,
    pool,
    admission,
    adaptive,
    git,
    gitVersion,
    spawnLog,
    runJob,
    leakCheck,
  })
}

async function findRuntime(
  { workerRuntime }: SupervisorConfig,
  { path }: RuntimeDirectory,
  log: Logger,
): Promise<WorkerRuntime> {
  const runtime = await findWorkerRuntime(workerRuntime, path)
  if (runtime.name === 'node') {
    log.warn(
      'workers run on Node: each costs more to start, and what git leaves is looked for in /proc and reaped by PID 1',
    )
  }
  return runtime
}

function sizesFor(config: SupervisorConfig, runtime: WorkerRuntime['name'], log: Logger): Sizes {
  const { sizes, why, facts, warnings } = chooseSizes(config, readMachine(), runtime)
  log.info(facts, why)
  for (const warning of warnings) log.warn(warning)
  return sizes
}
