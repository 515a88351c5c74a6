import type { Pages } from '@sluice/shared/operations/operations'
import type { Bundles } from '../../../bundles/bundles.ts'
import type { Maintenance } from '../../../maintenance/maintenance.ts'
import type { Mirrors } from '../../../mirrors/mirrors.ts'
import type { Giver } from '../../../copies/giving/giver.ts'
import type { Copies } from '../../../copies/primary/copies.ts'
import type { ClusterProgress } from '../../../copies/progress/all-progress.ts'
import type { OtherTrashes } from '../../../copies/trash/other-trashes.ts'
import type { CopiesServer } from '../../../copies/server/copies-server.ts'
import { ExclusiveWork } from '../../../repository/exclusive-work.ts'
import { MirrorMarks } from '../../../repository/mirror-mark.ts'
import { openCopies } from '../../copies/open-copies.ts'
import type { CopiesParts } from '../../copies/open-copies.ts'
import type { Cluster } from '../cluster.ts'
import { openBundles } from './bundles.ts'
import type { BundleParts } from './bundles.ts'
import { openMaintenance } from './maintenance.ts'
import type { MaintenanceParts } from './maintenance.ts'
import { openMirrors } from './mirrors.ts'
import type { MirrorParts } from './mirrors.ts'
import { partOf } from '../startable-part.ts'
import type { Part } from '../startable-part.ts'

/** What a host does to repositories on its own account, and on that of other hosts. */
export type OwnWork = Part<{
  /** Undefined where repositories are not kept in shape. */
  readonly maintenance: Maintenance | undefined
  /** Undefined where there is no file of mirrors. */
  readonly mirrors: Mirrors | undefined
  readonly marks: MirrorMarks
  /** Undefined where there are no bundles. */
  readonly bundles: Bundles | undefined
  /** Undefined where nothing is copied to other hosts. */
  readonly copies: Copies | undefined
  /** Undefined there, too. */
  readonly giver: Giver | undefined
  readonly forHosts: CopiesServer | undefined
  readonly otherTrashes: OtherTrashes | undefined
  /** Finds out about a repository that is not renamed to its name yet; undefined there, too. */
  readonly lookAt: ((repository: string) => void) | undefined
  /** What the hosts of the cluster bring to each other; undefined there, too. */
  readonly progress: (() => Promise<ClusterProgress>) | undefined
  /** How copies come along, for operators. */
  readonly pages: Pages
}>

type OwnWorkParts = Omit<MirrorParts, 'exclusive' | 'marks' | 'maintenance' | 'copies'> &
  BundleParts &
  Pick<MaintenanceParts, 'running' | 'disks'> &
  Omit<CopiesParts, 'cluster' | 'onFollowed'> & { readonly cluster: Cluster | undefined }

/** @throws {ConfigError} where the file of mirrors is not right */
export async function openOwnWork(parts: OwnWorkParts): Promise<OwnWork> {
  await using opened = new AsyncDisposableStack()
  const exclusive = new ExclusiveWork(parts.users)
  const marks = new MirrorMarks(parts.workers.runJob)
  const bundles = openBundles(parts)
  const maintenance = openMaintenance({ ...parts, exclusive, bundles })
  if (maintenance) opened.use(maintenance)
  const onFollowed = (gitDir: string) => maintenance?.touch(gitDir, true)
  const copying = opened.use(await openCopying(parts, onFollowed))
  const { copies, giver, forHosts, otherTrashes, lookAt, progress, pages } = copying
  const { mirrors } = opened.use(await openMirrors({ ...parts, exclusive, marks, maintenance, copies }))
  const forCopies = { copies, giver, forHosts, otherTrashes, lookAt, progress, pages }
  return partOf(opened, { maintenance, mirrors, marks, ...forCopies, bundles: bundles?.bundles })
}

/** With shared storage, all hosts have the same repositories, and nothing is copied. */
async function openCopying({ cluster, ...parts }: OwnWorkParts, onFollowed: (gitDir: string) => void) {
  if (cluster && parts.config.storage === 'own') return await openCopies({ ...parts, cluster, onFollowed })
  const nothing = { copies: undefined, giver: undefined, forHosts: undefined, otherTrashes: undefined }
  return partOf(new AsyncDisposableStack(), { ...nothing, lookAt: undefined, progress: undefined, pages: {} })
}
