import { plainName } from '@sluice/shared/git/repository-name'
import type { LfsStorage } from '../../lfs/storage/lfs-storage.ts'
import type { RunLongJob } from '../../process/job/long-job.ts'
import { commonDirOf } from '../../repository/repository.ts'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import { foundRepository } from '../operation/found-repository.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'
import type { Turns } from '../operation/turns.ts'
import { findNeededObjects } from './needed-objects.ts'

/*
 * What removes objects of LFS that nothing needs:
 *
 *   list the objects that are old ──▶ take out those that a pointer in the history needs ──▶ remove the rest
 *
 * Uploads and pushes go on. An upload comes before the push that needs it, so whatever was uploaded, or was asked for by
 * somebody who was about to push it, within the last days counts as young, and stays. An object's time is looked at again
 * right before it is removed.
 */

export type PruneServices = {
  readonly root: string
  readonly runFolder: string
  readonly turns: Turns
  readonly users: RepositoryUsers
  readonly lfs: LfsStorage
  readonly runLongJob: RunLongJob
}

/** A number of objects, and their bytes in all. */
export type Amount = { readonly objects: number; readonly bytes: number }

export type Pruned = {
  readonly repository: string
  /** Whether nothing was removed, and `unneeded` only says what could be. */
  readonly isDryRun: boolean
  readonly all: Amount
  /** Too young to be looked at. */
  readonly young: Amount
  /** What no reference needs, and was removed, or could be. */
  readonly unneeded: Amount
}

/** @throws {Refusal} `repository_missing`, `repository_busy`; {JobError} where git cannot read all of the history */
export async function pruneObjects(
  { root, runFolder, turns, users, lfs, runLongJob }: PruneServices,
  { repository, isDryRun, minAgeMs }: OperationOf<'lfs-prune'>,
  { signal, tell }: Progress,
): Promise<Pruned> {
  const { gitDir, keys } = foundRepository(root, repository)
  using _turn = turns.take(keys, 'lfs-prune')
  using _use = users.enter(gitDir)
  const place = { repository: plainName(repository), gitDir: commonDirOf(gitDir) }
  const usedBefore = Date.now() - minAgeMs
  const [all, young, unneeded] = [new Sum(), new Sum(), new Sum()]
  const old = new Map<string, number>()
  tell('listing the objects')
  for await (const { oid, size, usedAt } of lfs.list(place)) {
    signal.throwIfAborted()
    all.add(size)
    if (usedAt >= usedBefore) young.add(size)
    else old.set(oid, size)
  }
  if (old.size > 0) {
    tell(`looking for ${old.size} objects in the history`)
    await findNeededObjects(gitDir, runFolder, runLongJob, signal, (oid) => old.delete(oid))
  }
  for (const [oid, size] of old) {
    signal.throwIfAborted()
    if (isDryRun || (await lfs.remove(place, oid, usedBefore))) unneeded.add(size)
  }
  if (!isDryRun) await lfs.tidy?.(place)
  return { repository, isDryRun, all: all.amount, young: young.amount, unneeded: unneeded.amount }
}

class Sum {
  #objects = 0
  #bytes = 0

  add(bytes: number): void {
    this.#objects++
    this.#bytes += bytes
  }

  get amount(): Amount {
    return { objects: this.#objects, bytes: this.#bytes }
  }
}
