import { join } from 'node:path'
import { Lane } from '@sluice/shared/admission/lane'
import { parseAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Administration } from '../../administration/administration.ts'
import { openAdministrationServer } from '../../administration/api/administration-server.ts'
import { Inspection } from '../../administration/inspection.ts'
import { ForceDesk } from '../../administration/force/force-desk.ts'
import { ClusterLook } from '../../administration/look/cluster-look.ts'
import { FactsReader } from '../../administration/look/repository-facts.ts'
import type { Trash } from '../../administration/trash/trash.ts'
import type { AuditLog } from '../../audit/audit-log.ts'
import type { ReferenceCache } from '../../cache/references/reference-cache.ts'
import { laneReasons } from '../../capacity/admission.ts'
import type { Placement } from '../../cluster/placement/placement.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { isRootShared } from '../../config/shared-root.ts'
import type { Giver } from '../../copies/giving/giver.ts'
import type { Copies } from '../../copies/primary/copies.ts'
import type { ClusterProgress } from '../../copies/progress/all-progress.ts'
import type { OtherTrashes } from '../../copies/trash/other-trashes.ts'
import type { NewRepositories } from '../../creation/new-repositories.ts'
import type { EventLog } from '../../events/event-log.ts'
import type { EventsDesk } from '../../events/events-desk.ts'
import type { Mirrors } from '../../mirrors/mirrors.ts'
import type { HostMetrics } from '../../operations/metrics.ts'
import { longJobRunner } from '../../process/job/long-job.ts'
import type { ReadOnlyRules } from '../../repository/read-only.ts'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import { busyWaitMs } from './moving.ts'
import type { Moving } from './moving.ts'
import { operationHolds } from './operation-holds.ts'
import type { Cluster } from '../parts/cluster.ts'
import { partOf } from '../parts/startable-part.ts'
import type { Part } from '../parts/startable-part.ts'
import type { Storage } from '../parts/storage.ts'
import type { Workers } from '../parts/workers.ts'

export type AdministrationParts = {
  readonly config: SupervisorConfig
  readonly storage: Storage
  readonly workers: Workers
  readonly moving: Moving
  readonly newRepositories: NewRepositories
  readonly users: RepositoryUsers
  /** Undefined where there is one host only. */
  readonly placement?: Placement | undefined
  /** Undefined where nothing is copied to other hosts. */
  readonly copies?: Copies | undefined
  /** Undefined there, too. */
  readonly giver?: Giver | undefined
  /** Undefined there, too. */
  readonly otherTrashes?: OtherTrashes | undefined
  /** Finds out about a repository that is not renamed to its name yet; undefined there, too. */
  readonly lookAt?: ((repository: string) => void) | undefined
  /** Undefined where there is one host only, or the host is stopped. */
  readonly cluster?: Cluster | undefined
  /** What the hosts of the cluster bring to each other; undefined where nothing is copied. */
  readonly progress?: (() => Promise<ClusterProgress>) | undefined
  /** Undefined where pushes are not recorded, or the host is stopped. */
  readonly auditLog?: AuditLog | undefined
  /** Undefined where references are not cached. */
  readonly answers: ReferenceCache | undefined
  readonly readOnly: ReadOnlyRules
  /** Undefined where nobody is told of events. */
  readonly eventLog: EventLog | undefined
  /** Undefined there, too, or where the host is stopped. */
  readonly desk: EventsDesk | undefined
  /** Undefined where there is no file of mirrors, or the host is stopped. */
  readonly mirrors: Mirrors | undefined
  readonly metrics: HostMetrics
  readonly log: Logger
}

/** Operations that take long run one at a time. The others wait for their turn, for a day at most. */
const longJobLane = { slots: 1, largestShare: 1, queueLength: 64, queueTimeout: 86_400_000, reasons: laneReasons }

const emptyTrashEveryMs = 10 * 60_000

/** The administration of repositories. It listens on `address`; undefined: on none. */
export type AdministrationPart = Part<{ readonly address: Address | undefined }>

/**
 * Opens the administration of repositories.
 *
 * @param address where it is served; undefined: nowhere
 * @throws {ConfigError} where it cannot listen there
 */
export async function openAdministration(
  parts: AdministrationParts,
  address: UnixAddress | undefined,
): Promise<AdministrationPart> {
  const { config, storage, workers, moving, newRepositories, users, placement, answers, readOnly, mirrors } = parts
  const { copies, giver, otherTrashes, lookAt, cluster, progress, auditLog, eventLog, desk, metrics, log } = parts
  const { root, runtimeDirectory, lfs } = storage
  const { pool, git, runJob, spawnLog } = workers
  await using opened = new AsyncDisposableStack()
  const { trash } = moving
  const others = otherTrashes ?? othersOfStopped(config)
  const facts = new FactsReader(root, readOnly, runJob)
  const administration = new Administration({
    root,
    ...moving,
    users,
    lfs,
    runFolder: runtimeDirectory.path,
    answers,
    giver,
    mirrors,
    busyWait: busyWaitMs,
    maker: newRepositories.maker,
    facts,
    runJob,
    runLongJob: longJobRunner({ pool, git, lane: new Lane(longJobLane), spawnLog, notes: runtimeDirectory }),
    hold: operationHolds({ placement, copies, otherTrashes, lookAt, trash, isShared: isRootShared(config) }),
    others,
    events: eventLog?.operations,
    onOver: (kind, result) => metrics.administered(kind, result),
    log,
  })
  await eventLog?.recoverOperations()
  opened.use(emptyTrashRegularly(administration, trash, log))
  const look = cluster && new ClusterLook({ name: cluster.name, view: () => cluster.host.view, progress })
  const inspection = new Inspection({ root, trash, others, cluster: look, facts, mirrors, runJob })
  if (address) {
    const server = await openAdministrationServer(address, 'SLUICE_ADMINISTRATION', {
      administration,
      inspection,
      desk,
      forceDesk: cluster?.forcing && new ForceDesk({ root, forcing: cluster.forcing, auditLog, log }),
    })
    opened.use(server)
  }
  return partOf(opened, { address })
}

type UnixAddress = Address & { readonly kind: 'unix' }

/** A host that is stopped asks nobody. */
function othersOfStopped(config: SupervisorConfig): 'unasked' | undefined {
  return config.cluster !== 'off' && !isRootShared(config) ? 'unasked' : undefined
}

/** Where the administration of a running host is served. */
export function administrationAddress(
  { administration }: Pick<SupervisorConfig, 'administration'>,
  runtimeDirectory: string,
  log: Logger,
): UnixAddress | undefined {
  if (administration !== 'auto') return administration
  const address = parseAddress(`unix:${join(runtimeDirectory, 'administration.sock')}`)
  if (address?.kind === 'unix') return address
  log.warn(
    'repositories cannot be administered: the path of SLUICE_RUN_FOLDER is too long for a socket in it. Name another with SLUICE_ADMINISTRATION=unix:/path',
  )
  return undefined
}

/** At the start, and from time to time. Disposing of it waits until it is not at work. */
function emptyTrashRegularly(administration: Administration, trash: Trash, log: Logger): AsyncDisposable {
  const ending = new AbortController()
  const empty = async () => {
    await administration
      .emptyTrash(ending.signal)
      .catch((err: unknown) => log.warn({ err }, 'the trash was not looked at'))
  }
  const removeGone = async () => {
    await trash.removeGone((path, err) => log.warn({ err, path }, 'a purged repository was not removed as a whole yet'))
  }
  const tidy = async () => {
    await trash.tidy().catch((err: unknown) => log.warn({ err }, 'the trash could not be tidied'))
  }
  let last = tidy().then(removeGone).then(empty)
  const timer = setInterval(() => {
    last = last.then(removeGone).then(empty)
  }, emptyTrashEveryMs).unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      ending.abort()
      await last
    },
  }
}
