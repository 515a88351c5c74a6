import { join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { readMachine } from '@sluice/shared/machine/machine'
import type { Admission } from '../../capacity/admission.ts'
import type { AdaptiveLimit } from '../../capacity/adaptive-limit.ts'
import { chooseSizes } from '../../capacity/sizing.ts'
import type { Sizes } from '../../capacity/sizing.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import type { GitOptions } from '../../git/command.ts'
import { writeConfigFiles } from '../../git/config-file.ts'
import type { HostMetrics } from '../../operations/metrics.ts'
import { jobRunner } from '../../process/job/job.ts'
import type { RunJob } from '../../process/job/job.ts'
import { endLeftGroups } from '../../process/control-group/left-groups.ts'
import { nicenessFor } from '../../process/launcher/git-limits.ts'
import { LeakCheck } from '../../process/leak-check.ts'
import { Pool } from '../../process/pool.ts'
import { SpawnLog } from '../../process/spawn-log.ts'
import { groupsNote, openWorkerSource } from '../../process/runtime/worker-source.ts'
import type { WorkerSource } from '../../process/runtime/worker-source.ts'
import { adaptFetchSlots, openLanes } from './lanes.ts'
import { partOf } from './startable-part.ts'
import type { Part } from './startable-part.ts'
import { checkGit } from './prerequisites.ts'
import type { RuntimeDirectory } from './runtime-directory.ts'

/** What runs git, with the limits on how many run at once. */
export type Workers = Part<{
  readonly runtime: WorkerSource['runtime']
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
  const source = opened.use(await openSource(config, runtimeDirectory, log))
  const sizes = sizesFor(config, source.runtime, log)
  const pool = opened.use(
    new Pool(
      {
        startWorker: () => source.startWorker(),
        warm: sizes.warmWorkers,
        onStart: (milliseconds) => metrics.workerStarted(milliseconds),
      },
      log,
    ),
  )
  const admission = openLanes(config, sizes, metrics)
  const adaptive = config.adaptiveFetchSlots ? opened.use(adaptFetchSlots(admission, log)) : undefined
  const configFiles = await writeConfigFiles(runtimeDirectory.gitConfig, config)
  const path = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
  const jobNiceness = nicenessFor(config.jobNiceness)
  const git: GitOptions = { ...config, jobNiceness, path, cwd: runtimeDirectory.empty, configFiles }
  const spawnLog = SpawnLog.open(log, config.gitTrace, join(runtimeDirectory.path, 'traces'))
  const runJob = jobRunner(pool, git, admission.lanes.job, spawnLog)
  const gitVersion = await checkGit(config.git, runJob)
  const leakCheck = opened.use(new LeakCheck(log))
  metrics.showOrphans(() => source.orphansEnded)
  metrics.show(pool, admission, () => leakCheck.last, adaptive)
  return partOf(opened, {
    runtime: source.runtime,
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

async function openSource(
  config: SupervisorConfig,
  { path, empty }: RuntimeDirectory,
  log: Logger,
): Promise<WorkerSource> {
  const { workerRuntime, workerStartTimeout, pushGrace, killGrace } = config
  const graces = { termGrace: pushGrace, killGrace }
  const settings = {
    wanted: workerRuntime,
    folder: path,
    empty,
    startTimeout: workerStartTimeout,
    limits: config,
    groups: config,
    ...graces,
  }
  await endLeftGroups(groupsNote(path), log)
  return await openWorkerSource(settings, log)
}

function sizesFor(config: SupervisorConfig, runtime: WorkerSource['runtime'], log: Logger): Sizes {
  const { sizes, why, facts, warnings } = chooseSizes(config, readMachine(), runtime)
  log.info(facts, why)
  for (const warning of warnings) log.warn(warning)
  return sizes
}
