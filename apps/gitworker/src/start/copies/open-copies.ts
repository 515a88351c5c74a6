import { discardCopy, lentNow, withSigns } from '../../administration/change/discard-copy.ts'
import type { Registry } from 'prom-client'
import { Lane } from '@sluice/shared/admission/lane'
import { jsonPage } from '@sluice/shared/operations/operations'
import type { Pages } from '@sluice/shared/operations/operations'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { ReferenceCache } from '../../cache/references/reference-cache.ts'
import { laneReasons } from '../../capacity/admission.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { hasNoRepositories } from '../../administration/look/has-no-repositories.ts'
import { repositoriesBelow } from '../../administration/look/walk-root.ts'
import { CatchingUp } from '../../copies/catching-up/catching-up.ts'
import { addCopiesMetrics } from '../../copies/catching-up/copies-metrics.ts'
import { copiesStatus } from '../../copies/catching-up/copies-status.ts'
import { DroppedSlots } from '../../copies/catching-up/dropped-slots.ts'
import { OlderTable } from '../../copies/catching-up/older-table.ts'
import { OwnTerms } from '../../copies/catching-up/own-terms.ts'
import { askForObjects } from '../../copies/copy/ask-objects.ts'
import { askPrimary } from '../../copies/copy/ask-primary.ts'
import { Followers } from '../../copies/copy/followers.ts'
import type { Discard } from '../../copies/copy/discard.ts'
import { objectsOfPrimary } from '../../copies/copy/objects-of-primary.ts'
import { Terms } from '../../copies/copy/term/terms.ts'
import type { Giver } from '../../copies/giving/giver.ts'
import type { StartGit } from '../../copies/git-stream.ts'
import type { SlotView } from '../../copies/slot-view.ts'
import { gitStreams } from '../../copies/git-stream.ts'
import { AskReads } from '../../copies/link/ask-reads.ts'
import { HostLinks } from '../../copies/link/host-links.ts'
import { Copies } from '../../copies/primary/copies.ts'
import { progressOfAll } from '../../copies/progress/all-progress.ts'
import type { ClusterProgress } from '../../copies/progress/all-progress.ts'
import { TellingOrder } from '../../copies/primary/telling-order.ts'
import { Newcomers } from '../../copies/primary/newcomers.ts'
import { CopiesServer } from '../../copies/server/copies-server.ts'
import type { ObjectStore } from '../../copies/object-store.ts'
import { SlotNames } from '../../copies/slot-names.ts'
import { OtherTrashes } from '../../copies/trash/other-trashes.ts'
import type { NewRepositories } from '../../creation/new-repositories.ts'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import { syncReferences } from '../../push/sync-references.ts'
import { StaleLocks } from '../../sweep/stale-locks.ts'
import type { Cluster } from '../parts/cluster.ts'
import { busyWaitMs } from '../administration/moving.ts'
import type { Moving } from '../administration/moving.ts'
import { partOf } from '../parts/startable-part.ts'
import type { Part } from '../parts/startable-part.ts'
import type { Storage } from '../parts/storage.ts'
import type { Workers } from '../parts/workers.ts'
import { openLinkTrust } from './link-trust.ts'
import { openGifts } from './open-gifts.ts'
import { slotViewOf } from './slot-view-of.ts'
import { movingIn, trashedIn, trashIn } from './trash-here.ts'

export type CopiesParts = {
  readonly config: SupervisorConfig
  readonly cluster: Cluster
  readonly storage: Storage
  readonly workers: Workers
  readonly moving: Moving
  readonly newRepositories: NewRepositories
  readonly users: RepositoryUsers
  /** Undefined where references are not cached. */
  readonly answers: ReferenceCache | undefined
  /** Called with the repository that has followed its primary. */
  readonly onFollowed: (gitDir: string) => void
  /** Aborted when the host stops and no longer waits for what still runs. */
  readonly ending: AbortSignal
  readonly registry: Registry
  readonly log: Logger
}

/** What a host does for repositories that others keep, too. */
export type CopiesPart = Part<{
  readonly copies: Copies
  /** Gives repositories to the hosts that keep other names. */
  readonly giver: Giver
  readonly forHosts: CopiesServer
  readonly otherTrashes: OtherTrashes
  /** Finds out about a repository that is not renamed to its name yet. */
  readonly lookAt: (repository: string) => void
  /** What the hosts of the cluster bring to each other. */
  readonly progress: () => Promise<ClusterProgress>
  readonly pages: Pages
}>

/** How many repositories are brought up to date at once that nobody waits for. The others wait for their turn. */
const catchingUpLane = { slots: 2, largestShare: 1, queueLength: 1000, queueTimeout: 86_400_000, reasons: laneReasons }

/**
 * @throws {ConfigError} where the files of secrets and certificates cannot be used, or the disk is not that of a member of
 *   this cluster; the file system's error where terms
 *   cannot be remembered
 */
export async function openCopies(parts: CopiesParts): Promise<CopiesPart> {
  const { config, cluster, storage, workers, moving, newRepositories, users, answers, ending, registry, log } = parts
  const { root } = storage
  const { git, runJob } = workers
  await cluster.claimDisk({ root, isEmpty: () => hasNoRepositories(root) })
  await using opened = new AsyncDisposableStack()
  const links = opened.use(new HostLinks(await openLinkTrust(config, log, opened)))
  const streams = streamsOf(parts)
  const view = slotViewOf(cluster)
  const reader = { startGit: streams(), runJob }
  const { inSync, reads } = cluster.host
  const newcomers = new Newcomers()
  const { copyTimeout, minInSync } = config
  const store = onDisk(storage)
  const turn = { trashed: trashedIn(moving), tellings: new TellingOrder() }
  const told = { root, view, store, newcomers, inSync, reads: reads.grants, links, ...turn }
  const brought = { ...told, copyTimeout, log }
  const copies = new Copies({ ...brought, reader, minInSync })
  const names = new SlotNames((onUnreadable) => repositoriesBelow(root, onUnreadable))
  const terms = await Terms.open(root)
  const sync = git.fsync ? syncReferences : async () => {}
  const fetched = { root, view, runJob, sync, store, ...asksOf(links, view) }
  const followers = new Followers({
    ...fetched,
    terms,
    maker: newRepositories.maker,
    discard: discardIn(parts),
    onFollowed: parts.onFollowed,
    users,
    turns: copies.turns,
    staleLocks: new StaleLocks({ isShared: false }),
    answers,
    startGit: streams(),
    log,
  })
  const { leases, ms } = reads
  opened.use(new AskReads({ leases, links, addressOf: (host) => view.addressOf(host), ms, log }))
  const objects = { root, view, users, startGit: streams(), startGiving: streams(), offers: copies.offers }
  const others = { view, hosts: cluster.host.known.hosts, links }
  const otherTrashes = new OtherTrashes({ ...others, copyTimeout, log })
  const given = { ...fetched, links, copies, names, otherTrashes }
  const { gifts, giver, received, outcomes, lookAt } = openGifts(parts, streams, given, opened)
  opened.use(new OwnTerms(view, terms, log))
  const older = opened.use(new OlderTable(view, terms, log))
  const lent = () => lentNow(movingIn(parts))
  opened.use(new DroppedSlots({ view, terms, names, followers, lent, isLive: () => cluster.placement.isLive, log }))
  const catching = opened.use(new CatchingUp({ ...brought, names, reader: { startGit: streams(), runJob } }))
  const status = () => copiesStatus(view, catching, older)
  addCopiesMetrics(registry, status, () => catching.progress.brought, followers.ways)
  const pages = { '/-/cluster-host.json': () => jsonPage(200, { ...cluster.status, copies: status() }) }
  const taken = { ...fetched, terms, users, names, followers, objects, gifts, received, outcomes }
  const asked = { ...taken, grants: reads.grants, catchingUp: new Lane(catchingUpLane), ending, log }
  const here = { progressHere: status, trashHere: trashIn(storage, moving) }
  const forHosts = new CopiesServer({ ...asked, ...here, turns: copies.turns })
  const progress = () => progressOfAll({ ...others, ...here })
  return partOf(opened, { copies, giver, forHosts, otherTrashes, lookAt, progress, pages })
}

/** Lanes of their own: whoever serves a fetch waits for nobody, so hosts cannot wait for each other in a circle. */
function streamsOf({ config, storage, workers }: CopiesParts): () => StartGit {
  const { queueLength, queueTimeout } = config
  const { pool, git, spawnLog, sizes } = workers
  const limits = { slots: sizes.pushSlots, largestShare: 1, queueLength, queueTimeout, reasons: laneReasons }
  const notes = storage.runtimeDirectory
  return () => gitStreams({ pool, git, lane: new Lane(limits), spawnLog, notes })
}

/** How a copy asks its primaries for what they have. */
function asksOf(links: HostLinks, view: SlotView) {
  const addressOf = (host: string) => view.addressOf(host)
  return {
    ask: askPrimary(links, view.name, addressOf),
    askObjects: askForObjects(links, view.name, addressOf),
    openObjects: objectsOfPrimary(links, view.name, addressOf),
  }
}

/** With S3, `openS3` has refused to start. */
function onDisk({ lfsOnDisk }: Storage): ObjectStore {
  if (!lfsOnDisk) throw new Error('The objects of LFS must be on the disk to be copied.')
  return lfsOnDisk
}

function discardIn(parts: CopiesParts): Discard {
  return (repository, trashed, { signal, onProgress, lent }) => {
    const services = { ...movingIn(parts), lent }
    const act = () => discardCopy(services, repository, trashed ?? undefined, { signal, tell: onProgress })
    return withSigns(act, onProgress, 2 * busyWaitMs)
  }
}
