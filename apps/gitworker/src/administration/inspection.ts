import { Refusal } from '@sluice/shared/refusal/refusal'
import { JobError } from '../process/job/job.ts'
import type { RunJob } from '../process/job/job.ts'
import { foundRepository } from './operation/found-repository.ts'
import type { FoundRepository } from './operation/found-repository.ts'
import { alternateLines, folderOf } from './lending/alternates.ts'
import { nameInWords, readableBorrowersOf } from './lending/borrowers.ts'
import { Unreadable } from './lending/unreadable.ts'
import type { ClusterLook, Keepers, ShownCluster } from './look/cluster-look.ts'
import { bytesInAll, diskSize } from './look/disk-size.ts'
import type { DiskSize } from './look/disk-size.ts'
import { listRepositories } from './look/list.ts'
import type { Listed } from './look/list.ts'
import type { FactsReader } from './look/repository-facts.ts'
import { roughSavings, showRepository } from './look/show.ts'
import type { Shown } from './look/show.ts'
import { noMirrors } from './change/run-mirror.ts'
import type { MirrorServices } from './change/run-mirror.ts'
import type { MirrorStatus } from '../operations/host-status.ts'
import { listTrash } from './trash/list-trash.ts'
import type { TrashList } from './trash/list-trash.ts'
import type { OthersTrash } from './trash/others-trash.ts'
import type { Trash } from './trash/trash.ts'

export type InspectionServices = MirrorServices & {
  readonly root: string
  readonly trash: Trash
  /** Undefined where no other host has a trash of its own. */
  readonly others: OthersTrash | undefined
  /** Undefined where there is one host only, or the host is stopped. */
  readonly cluster: Pick<ClusterLook, 'cluster' | 'keepersOf'> | undefined
  readonly facts: FactsReader
  readonly runJob: RunJob
}

export type Relations = {
  /** Folders of objects. */
  readonly borrowsFrom: readonly string[]
  readonly borrowers: readonly string[]
  /** Why there may be more; null where these are all. */
  readonly borrowersUnknown: string | null
}

export type InCluster = {
  /** Who keeps it; null where there is one host only, or the host is stopped. */
  readonly cluster: Keepers | null
}

export type Size = {
  readonly name: string
  readonly size: number
  readonly objects: DiskSize
  readonly gcMaySave: number
}

/** What operators ask about repositories. It changes nothing. */
export class Inspection {
  readonly #services: InspectionServices

  constructor(services: InspectionServices) {
    this.#services = services
  }

  /** @param pattern only those whose names fit: see name-pattern.ts */
  list(pattern: string | undefined): AsyncGenerator<Listed> {
    const { root, facts } = this.#services
    return listRepositories(root, facts, pattern)
  }

  /** @throws {Refusal} `repository_missing`, `repository_unreadable`, `operation_failed` */
  async show(name: string): Promise<Shown & Relations & InCluster & { readonly gcMaySave: number }> {
    const { root, trash, cluster, facts, runJob } = this.#services
    const { gitDir } = this.#found(name)
    try {
      const shown = await showRepository({ name, gitDir }, facts, runJob)
      const unreadable = new Unreadable()
      const borrowers = await readableBorrowersOf(gitDir, root, trash, unreadable)
      return {
        ...shown,
        borrowsFrom: alternateLines(gitDir).map((line) => folderOf(line, gitDir)),
        borrowers: borrowers.map(nameInWords),
        borrowersUnknown: unreadable.refusalFor(gitDir)?.sentence ?? null,
        gcMaySave: roughSavings(shown.objects),
        cluster: cluster?.keepersOf(name) ?? null,
      }
    } catch (cause) {
      if (!(cause instanceof JobError)) throw cause
      // It may have been moved away meanwhile.
      this.#found(name)
      throw new Refusal('operation_failed', { sentence: `git could not read it: ${cause.message.slice(-500)}`, cause })
    }
  }

  /** @throws {Refusal} `repository_missing` */
  async size(name: string): Promise<Size> {
    const { gitDir } = this.#found(name)
    const objects = await diskSize(gitDir)
    return { name, size: bytesInAll(objects), objects, gcMaySave: roughSavings(objects) }
  }

  /** Deleted repositories of this host, and of the others that have a trash of their own; the latest first. */
  async trashed(): Promise<TrashList> {
    const { trash, others } = this.#services
    return await listTrash(trash, others)
  }

  /** @throws {Refusal} `no_cluster` */
  async cluster(): Promise<ShownCluster> {
    const { cluster } = this.#services
    if (!cluster) throw new Refusal('no_cluster')
    return await cluster.cluster()
  }

  /** In the order of the file. @throws {Refusal} `operation_failed` where there is no such file, or the host is stopped */
  mirrors(): MirrorStatus[] {
    const { mirrors } = this.#services
    if (!mirrors) throw noMirrors()
    return mirrors.all
  }

  /** Here: this host may be a copy, or none. @throws {Refusal} `repository_missing` */
  #found(name: string): FoundRepository {
    const { root, cluster } = this.#services
    try {
      return foundRepository(root, name)
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason !== 'repository_missing') throw error
      const sentence = cluster && missingHere(name, cluster.keepersOf(name))
      throw sentence === undefined ? error : new Refusal('repository_missing', { sentence })
    }
  }
}

/** Where else to look; undefined where this host is its primary, or may be the only one that has it. */
function missingHere(name: string, { here, primary, copies, isShared }: Keepers): string | undefined {
  if (primary === here || isShared || copies.length === 0) return undefined
  const hosts = copies.flatMap(({ host }) => (host === here ? [] : [host === primary ? `${host} (its primary)` : host]))
  if (hosts.length === 0) return undefined
  const [are, keep] = hosts.length === 1 ? ['The host', 'keeps'] : ['The hosts', 'keep']
  return `This host has no repository ${JSON.stringify(name)}. ${are} ${hosts.join(' and ')} ${keep} it, if there is one: look there.`
}
