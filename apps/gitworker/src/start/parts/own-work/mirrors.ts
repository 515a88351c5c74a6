import { join } from 'node:path'
import type { Registry } from 'prom-client'
import { Lane } from '@sluice/shared/admission/lane'
import { maxMirrorsFileBytes, readMirrorsFile } from '@sluice/shared/config/mirrors/mirrors-file'
import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import { lookUpBy } from '@sluice/shared/git/repository-pattern'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { AuditLog } from '../../../audit/audit-log.ts'
import { laneReasons } from '../../../capacity/admission.ts'
import type { DiskSpace } from '../../../capacity/disk-space.ts'
import { RepositorySizes } from '../../../capacity/repository-size.ts'
import type { Placement } from '../../../cluster/placement/placement.ts'
import type { SupervisorConfig } from '../../../config/config.ts'
import type { NewRepositories } from '../../../creation/new-repositories.ts'
import type { Copies } from '../../../copies/primary/copies.ts'
import type { EventLog } from '../../../events/event-log.ts'
import { fetchSettings } from '../../../git/config-file.ts'
import type { Maintenance } from '../../../maintenance/maintenance.ts'
import { auditMirror } from '../../../mirrors/mirror-audit.ts'
import { tellChanges } from '../../../mirrors/run/told-changes.ts'
import { MirrorMetrics } from '../../../mirrors/mirror-metrics.ts'
import { Mirrors } from '../../../mirrors/mirrors.ts'
import type { MirrorServices } from '../../../mirrors/mirrors.ts'
import { clearRunFiles } from '../../../mirrors/run/run-files.ts'
import { longJobRunner } from '../../../process/job/long-job.ts'
import type { RunLongJob } from '../../../process/job/long-job.ts'
import type { ExclusiveWork } from '../../../repository/exclusive-work.ts'
import type { MirrorMarks } from '../../../repository/mirror-mark.ts'
import { partOf } from '../startable-part.ts'
import type { Part } from '../startable-part.ts'
import type { Storage } from '../storage.ts'
import type { Workers } from '../workers.ts'

const setting = 'SLUICE_MIRRORS_FILE'

/** An upstream that hangs holds one for a minute or two. */
const looksAtOnce = 16

/** Runs wait for a slot until their own timeout ends them. */
const waiting = { largestShare: 1, queueLength: 10_000, queueTimeout: 2 ** 31 - 1, reasons: laneReasons }

/** Nice to whatever serves requests, whatever SLUICE_JOB_NICENESS says. */
const niceness = 10

const heldByNobodyElse: Disposable = { [Symbol.dispose]() {} }

export type MirrorParts = {
  readonly config: SupervisorConfig
  readonly storage: Storage
  readonly workers: Workers
  readonly newRepositories: NewRepositories
  readonly disks: DiskSpace
  readonly exclusive: ExclusiveWork
  /** Undefined where there is one host only. */
  readonly placement: Placement | undefined
  readonly marks: MirrorMarks
  readonly auditLog: AuditLog | undefined
  /** Undefined where nobody is told of events. */
  readonly eventLog: EventLog | undefined
  readonly maintenance: Maintenance | undefined
  /** Undefined where nothing is copied to other hosts. */
  readonly copies: Copies | undefined
  readonly registry: Registry
  readonly log: Logger
}

/** Undefined where there is no file of mirrors. */
export type MirrorsPart = Part<{ readonly mirrors: Mirrors | undefined }>

/**
 * Opens what keeps mirrors fresh.
 *
 * @throws {ConfigError} where the file is not right at the start
 */
export async function openMirrors(parts: MirrorParts): Promise<MirrorsPart> {
  const { config, registry, log } = parts
  await using opened = new AsyncDisposableStack()
  const metrics = new MirrorMetrics(registry)
  const path = config.mirrorsFile
  if (path === undefined) {
    metrics.show(undefined)
    return partOf(opened, { mirrors: undefined })
  }
  const services = await servicesOf(parts, metrics)
  const file = opened.use(await readMirrors(path, log, (all) => mirrors.take(all)))
  const mirrors = opened.use(new Mirrors(file.current, services, log))
  metrics.show(mirrors)
  return partOf(opened, { mirrors })
}

/**
 * Reads the file, again when it changes; if it breaks, what was read before stays in force.
 *
 * @throws {ConfigError} where it is not right at the start
 */
export async function readMirrors(
  path: string,
  log: Logger,
  onChange: (mirrors: readonly Mirror[]) => void,
): Promise<ReloadedFile<readonly Mirror[]>> {
  return await ReloadedFile.open<readonly Mirror[]>(setting, {
    paths: [path],
    parse: ([text = ''], signal) => readMirrorsFile(text, path, signal),
    maxBytes: maxMirrorsFileBytes,
    onChange: (mirrors) => {
      log.info({ path, mirrors: mirrors.length }, `${setting} was read anew`)
      onChange(mirrors)
    },
    onProblem: (problem) => log.error(`${setting}: ${problem}; what was read before stays in force`),
  })
}

async function servicesOf(parts: MirrorParts, metrics: MirrorMetrics): Promise<MirrorServices> {
  const {
    config,
    storage,
    workers,
    newRepositories,
    disks,
    exclusive,
    placement,
    marks,
    auditLog,
    eventLog,
    maintenance,
    log,
  } = parts
  const { root, runtimeDirectory } = storage
  const { pool, git, spawnLog } = workers
  const folder = join(runtimeDirectory.path, 'mirrors')
  await clearRunFiles(folder)
  const nice = { ...git, jobNiceness: Math.max(git.jobNiceness, niceness) }
  const runnerWith =
    (lane: Lane) =>
    (gitConfig: string): RunLongJob => {
      const own = { ...nice, configFiles: { ...git.configFiles, fetch: gitConfig } }
      return longJobRunner({ pool, git: own, lane, spawnLog, notes: runtimeDirectory })
    }
  return {
    root,
    maker: newRepositories.maker,
    marks,
    files: {
      folder,
      common: fetchSettings(config),
      checkObjects: config.fsckObjects,
      localFolder: config.mirrorLocalFolder,
    },
    looking: runnerWith(new Lane({ ...waiting, slots: looksAtOnce })),
    fetching: runnerWith(new Lane({ ...waiting, slots: config.mirrorSlots })),
    sizes: new RepositorySizes(),
    maxRepository: lookUpBy(config.maxRepository),
    diskShortage: () => disks.shortage(),
    enter: (gitDir, onClosing) => exclusive.enter(gitDir, onClosing),
    hostSlots: config.mirrorHostSlots,
    isPrimaryOf: (repository) => placement?.isPrimary(repository) ?? true,
    hold: (repository, onGiveWay) => (placement ? placement.hold(repository, onGiveWay) : heldByNobodyElse),
    confirm: async (repository) => await parts.copies?.confirmNow(repository),
    onRun: (run) => metrics.ran(run),
    tell: async (intended) => await tellChanges(eventLog, root, intended),
    async onChanges(mirror, id, gitDir, changes) {
      maintenance?.touch(gitDir, true)
      await auditMirror(auditLog, mirror, id, changes, log)
    },
  }
}
