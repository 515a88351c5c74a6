import { relative } from 'node:path'
import type { Registry } from 'prom-client'
import { Lane } from '@sluice/shared/admission/lane'
import type { Running } from '@sluice/shared/app/running'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Trash } from '../../../administration/trash/trash.ts'
import { BundleKeeper } from '../../../bundles/bundle-keeper.ts'
import { laneReasons } from '../../../capacity/admission.ts'
import type { DiskSpace } from '../../../capacity/disk-space.ts'
import { pressureReader } from '../../../capacity/pressure.ts'
import type { Placement } from '../../../cluster/placement/placement.ts'
import type { SupervisorConfig } from '../../../config/config.ts'
import { isRootShared } from '../../../config/shared-root.ts'
import { isGitAtLeast } from '../../../git/git-version.ts'
import { Lenders } from '../../../maintenance/lenders.ts'
import { Maintenance } from '../../../maintenance/maintenance.ts'
import type { MaintenanceRun } from '../../../maintenance/maintenance.ts'
import { MaintenanceMetrics } from '../../../maintenance/maintenance-metrics.ts'
import { longJobRunner } from '../../../process/job/long-job.ts'
import type { ExclusiveWork } from '../../../repository/exclusive-work.ts'
import type { BundleWorkParts } from './bundles.ts'
import type { Storage } from '../storage.ts'
import type { Workers } from '../workers.ts'

export type MaintenanceParts = {
  readonly config: SupervisorConfig
  readonly storage: Storage
  readonly workers: Workers
  readonly exclusive: ExclusiveWork
  readonly running: Pick<Running, 'isLeaving'>
  readonly disks: DiskSpace
  /** Undefined where there are no bundles. */
  readonly bundles: BundleWorkParts | undefined
  /** Undefined where there is one host only. */
  readonly placement: Placement | undefined
  readonly registry: Registry
  readonly log: Logger
}

/** Nice to whatever serves requests, whatever SLUICE_JOB_NICENESS says. */
const niceness = 10

/** Opens what keeps repositories in shape. Undefined where that is turned off. */
export function openMaintenance(parts: MaintenanceParts): Maintenance | undefined {
  const metrics = new MaintenanceMetrics(parts.registry)
  const maintenance = parts.config.maintenance ? startMaintenance(parts, metrics) : undefined
  metrics.show(maintenance)
  return maintenance
}

function startMaintenance(
  { config, storage, workers, exclusive, running, disks, bundles, placement, log }: MaintenanceParts,
  metrics: MaintenanceMetrics,
): Maintenance {
  const { pool, git, gitVersion, runJob, spawnLog } = workers
  const { root, runtimeDirectory } = storage
  const slots = config.maintenanceSlots
  const lane = new Lane({ slots, largestShare: 1, queueLength: slots, queueTimeout: 60_000, reasons: laneReasons })
  const nice = { ...git, jobNiceness: Math.max(git.jobNiceness, niceness) }
  const trash = new Trash(root, config.trashTime)
  const lenders = new Lenders(root, trash, (path, err) =>
    log.warn(
      { err, path },
      'this cannot be read, so it is not known from whom repositories borrow objects, and none are removed from any',
    ),
  )
  const cruftPacks = isGitAtLeast(gitVersion, 2, 37)
  if (!cruftPacks)
    log.info({ git: gitVersion }, 'objects that nothing needs are kept for ever: git 2.37 could remove them')
  const runLongJob = longJobRunner({ pool, git: nice, lane, spawnLog, notes: runtimeDirectory })
  const checkRoom = (bytes: number) => disks.checkPush(bytes)
  const services = {
    root,
    runJob,
    runLongJob,
    slots,
    grace: config.maintenanceGrace,
    cruftPacks,
    isLent: (gitDir: string) => lenders.lends(gitDir, performance.now()),
    readPressure: pressureReader(),
    isLeaving: () => running.isLeaving,
    isShared: isRootShared(config),
    enter: (gitDir: string, onClosing: () => void) => {
      using entered = new DisposableStack()
      // On disks of their own, each host keeps its own copy in shape.
      if (placement && isRootShared(config)) entered.use(holdIn(placement, relative(root, gitDir), onClosing))
      entered.use(exclusive.enter(gitDir, onClosing))
      return entered.move()
    },
    onRun: (run: MaintenanceRun) => metrics.ran(run),
    bundles: bundles && new BundleKeeper({ ...bundles, runJob, runLongJob, checkRoom, now: Date.now }),
  }
  return new Maintenance(services, log)
}

/** Two hosts must not keep the same repository in shape. @throws {Refusal} `misplaced` where another host is the one to do it */
function holdIn(placement: Placement, repository: string, onGiveWay: () => void): Disposable {
  const held = placement.hold(repository, onGiveWay)
  if (!held) throw new Refusal('misplaced')
  return held
}
