import { refRulesBy } from '@sluice/shared/git/ref-rules'
import { lookUpBy } from '@sluice/shared/git/repository-pattern'
import type { Connections } from '@sluice/shared/connections/connections'
import type { Logger } from '@sluice/shared/telemetry/log'
import { ReadAheadBudget } from '../../body/read-ahead.ts'
import type { Bundles } from '../../bundles/bundles.ts'
import type { DiskSpace } from '../../capacity/disk-space.ts'
import type { Placement } from '../../cluster/placement/placement.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { isRootShared } from '../../config/shared-root.ts'
import type { Copies } from '../../copies/primary/copies.ts'
import { RepositorySizes } from '../../capacity/repository-size.ts'
import { NewRepositories } from '../../creation/new-repositories.ts'
import { LfsSizes } from '../../lfs/room/lfs-sizes.ts'
import type { EventLog } from '../../events/event-log.ts'
import type { Maintenance } from '../../maintenance/maintenance.ts'
import type { Mirrors } from '../../mirrors/mirrors.ts'
import type { HostMetrics } from '../../operations/metrics.ts'
import { SizeLimits } from '../../push/size-limits.ts'
import { NewHeads } from '../../repository/default-branch.ts'
import type { MirrorMarks } from '../../repository/mirror-mark.ts'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import { Dispatcher } from '../../request/dispatch.ts'
import { GitRuns } from '../../request/git-runs.ts'
import { PushRuns } from '../../request/run-push.ts'
import { Pushes } from '../../request/serve-push.ts'
import { Slots } from '../../request/slots.ts'
import { PushStarter } from '../../request/start-push.ts'
import { StaleLocks } from '../../sweep/stale-locks.ts'
import { openLfs } from './lfs.ts'
import type { Caches } from './caches.ts'
import type { PushParts } from './push-parts.ts'
import { readingServers, repositorySettings } from './reading-servers.ts'
import type { RepositorySettings } from './reading-servers.ts'
import type { Storage } from './storage.ts'
import type { Workers } from './workers.ts'

/** The parts of the host that requests are served with. */
export type DispatcherParts = {
  readonly config: SupervisorConfig
  readonly storage: Storage
  readonly workers: Workers
  readonly caches: Caches
  readonly disks: DiskSpace
  readonly pushParts: PushParts
  /** Undefined where nobody is told of events. */
  readonly eventLog: EventLog | undefined
  readonly connections: Connections
  readonly newRepositories: NewRepositories
  readonly users: RepositoryUsers
  /** Undefined where there is one host only. */
  readonly placement: Placement | undefined
  /** Undefined where there is one host only. */
  readonly copies: Copies | undefined
  /** Undefined where repositories are not kept in shape. */
  readonly maintenance: Maintenance | undefined
  /** Undefined where there is no file of mirrors. */
  readonly mirrors: Mirrors | undefined
  readonly marks: MirrorMarks
  /** Undefined where there are no bundles. */
  readonly bundles: Bundles | undefined
  /** Aborted when the host stops and no longer waits for what still runs. */
  readonly ending: AbortSignal
  readonly metrics: HostMetrics
  readonly log: Logger
}

type Common = {
  readonly slots: Slots
  readonly gitRuns: GitRuns
  readonly settings: RepositorySettings
}

/** Puts together what serves each kind of request. */
export function openDispatcher(parts: DispatcherParts): Dispatcher {
  const { config, storage, workers, disks, pushParts, connections, newRepositories, users, maintenance, mirrors } =
    parts
  const { readOnly } = pushParts
  const settings = repositorySettings(workers)
  const { createOnPush, defaultObjectFormat, idleTimeout, silentGitTimeout, requestTimeout, maxFetchRequest } = config
  const readAhead = new ReadAheadBudget()
  const sizes = new RepositorySizes()
  const lfsSizes = new LfsSizes(storage.lfs)
  const common: Common = {
    slots: new Slots({ admission: workers.admission, readAhead, idleTimeout, silentGitTimeout }),
    gitRuns: gitRunsOf(parts),
    settings,
  }
  const firstPushes = { root: storage.root, createOnPush, defaultObjectFormat, newRepositories }
  const reading = readingServers(parts, common)
  const pushes = new Pushes({
    slots: common.slots,
    firstPushes,
    users,
    settings,
    protectedRefs: config.protectedRefs.length === 0 ? undefined : refRulesBy(config.protectedRefs),
    readOnly,
    mirrors,
    marks: parts.marks,
    sizeLimits: new SizeLimits({
      maxPush: lookUpBy(config.maxPush),
      maxRepository: lookUpBy(config.maxRepository),
      sizes,
      lfsBytes: (place, most) => lfsSizes.of(place, most),
    }),
    runs: pushRuns(parts, common),
  })
  const limits = { connections, idleTimeout, silentGitTimeout, requestTimeout, maxFetchRequest }
  const { auditLog, refusedPushes } = pushParts.audit
  const lfs = openLfs(parts, { firstPushes, settings, sizes, lfsSizes, readAhead })
  const servers = { ...reading, pushes, lfs }
  const onOver = (gitDir: string, isPush: boolean) => maintenance?.touch(gitDir, isPush)
  const recorders = [auditLog, parts.eventLog?.journal].filter((one) => one !== undefined)
  const audited = { readOnly, mirrors, recorders, refusedPushes }
  const { placement, copies } = parts
  return new Dispatcher({ limits, placement, copies, disks, ...audited, firstPushes, users, settings, servers, onOver })
}

function gitRunsOf({ storage, workers, metrics, log }: DispatcherParts): GitRuns {
  const { pool, leakCheck, spawnLog } = workers
  const { runtimeDirectory } = storage
  return new GitRuns({
    pool,
    runtimeDirectory,
    leakCheck,
    spawnLog,
    onGitEnded: (service, report) => metrics.gitEnded(service, report),
    log,
  })
}

/** Opens what makes repositories, and takes back what first pushes have left to an earlier supervisor. */
export async function openNewRepositories(
  config: SupervisorConfig,
  storage: Storage,
  workers: Workers,
  log: Logger,
  placement?: Pick<Placement, 'isPrimary'>,
): Promise<NewRepositories> {
  return await NewRepositories.open({
    runFolder: storage.runtimeDirectory.path,
    root: storage.root,
    isShared: isRootShared(config),
    mayTakeBack: (repository) => placement?.isPrimary(repository) ?? true,
    format: config.defaultObjectFormat,
    runJob: workers.runJob,
    log,
  })
}

function pushRuns(parts: DispatcherParts, { gitRuns, settings }: Common): PushRuns {
  const { config, storage, workers, caches, pushParts, eventLog, ending, log } = parts
  const { runtimeDirectory, operatorsHooks } = storage
  const { git, runJob } = workers
  const { pushGrace, killGrace, hookTimeout } = config
  const { pushSettings } = settings
  return new PushRuns({
    starter: new PushStarter({
      gitRuns,
      git,
      runtimeDirectory,
      runJob,
      pushSettings,
      operatorsHooks,
      pushGrace,
      killGrace,
    }),
    newHeads: new NewHeads(runJob),
    staleLocks: new StaleLocks({ isShared: isRootShared(config) }),
    answers: caches.answers,
    copies: parts.copies,
    fsync: config.fsync,
    audits: { auditLog: pushParts.audit.auditLog, events: eventLog?.pushes, root: storage.root, runJob, log },
    endings: { pushGrace, hookTimeout, ending, runJob, log, sweeper: runtimeDirectory.sweeper },
  })
}
