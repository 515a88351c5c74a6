import { plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Elsewhere } from '../../copies/trash/other-trashes.ts'
import type { RemovedHere, RemovedTrash } from '../../copies/trash/told-trash.ts'
import { borrowersOf, checkLendsToNobody } from '../lending/borrowers.ts'
import { whileNothingMoves } from '../move/while-nothing-moves.ts'
import { findRepository } from '../../repository/repository.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'
import { gitDirOf, keysOfEntry } from '../trash/entry-keys.ts'
import type { OthersTrash } from '../trash/others-trash.ts'
import type { TrashServices } from './trashed-repository.ts'

export type Purged = {
  readonly purged: string
  readonly id: string
  /** Whether this host's own trash had it. */
  readonly isRemovedHere: boolean
  /** What other hosts did with it. Undefined where there are none that could have it. */
  readonly elsewhere?: Elsewhere | 'unasked'
}

export type PurgeServices = TrashServices & { readonly others: OthersTrash | undefined }

/**
 * Removes a repository in the trash for good: of this host, and of all others.
 *
 * @throws {Refusal} `trash_missing`, `repository_lends`, `borrowers_unknown`
 */
export async function purgeRepository(
  services: PurgeServices,
  { id, repository }: OperationOf<'purge'>,
  { tell }: Progress,
): Promise<Purged> {
  const { root, others, trash } = services
  const name = plainName(repository ?? trash.find(id).repository)
  const here = await purgeHere(services, { repository: name, id, withDropped: true })
  const isRemovedHere = here.isRemoved || here.dropped > 0
  if (!others) {
    if (!isRemovedHere) throw new Refusal('trash_missing')
    return { purged: name, id, isRemovedHere }
  }
  if (others === 'unasked') return { purged: name, id, isRemovedHere, elsewhere: 'unasked' }
  tell('removing it from the trash of the other hosts')
  const isGoneHere = () => findRepository(root, name) === undefined
  const elsewhere = await others.remove({ repository: name, id, withDropped: true }, isGoneHere)
  if (!isRemovedHere && elsewhere.removedFrom.length === 0 && elsewhere.left.length === 0) {
    throw new Refusal('trash_missing')
  }
  return { purged: name, id, isRemovedHere, elsewhere }
}

/**
 * Removes an entry of this host's trash.
 *
 * @throws {Refusal} `repository_lends`, `borrowers_unknown`, `repository_busy`; `operation_failed` where something is there
 *   that nobody knows to be this repository
 */
export async function purgeHere(services: TrashServices, removed: RemovedTrash): Promise<RemovedHere> {
  const { repository, id, withDropped } = removed
  const { root, turns, trash, notes } = services
  const isThere = trash.has(id, repository)
  const entries = (await trash.list()).filter(
    (entry) => entry.repository === repository && (entry.id === id || (withDropped && entry.isDropped === true)),
  )
  using holding = new DisposableStack()
  holding.use(turns.take(entries.flatMap(keysOfEntry), 'purge'))
  for (const entry of entries) {
    const look = () => borrowersOf(gitDirOf(entry), root, trash)
    checkLendsToNobody(await whileNothingMoves(notes, look))
  }
  const others = entries.filter((entry) => entry.id !== id)
  for (const entry of others) await trash.purge(entry.id)
  if (isThere) await trash.purge(id)
  return { isRemoved: isThere, dropped: others.length }
}
