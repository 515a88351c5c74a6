import { join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { isThere } from '../../repository/repository.ts'
import { realOr } from '../lending/alternates.ts'
import { lentFolders } from '../lending/borrowings.ts'
import { Unreadable } from '../lending/unreadable.ts'
import { keysOf } from '../operation/found-repository.ts'
import type { MovingServices } from './held-repository.ts'
import { moveRepository } from '../move/move-repository.ts'
import { whileNothingMoves } from '../move/while-nothing-moves.ts'
import { newPlace } from '../operation/new-place.ts'
import type { OperationOf } from '../operation/operation.ts'
import { gitDirOf, keysOfEntry } from '../trash/entry-keys.ts'
import type { TrashEntry } from '../trash/trash-note.ts'

export type TrashServices = Pick<MovingServices, 'root' | 'turns' | 'trash' | 'notes'>

/**
 * Moves a repository out of the trash, under its old name or another.
 *
 * @throws {Refusal} `trash_missing`, `repository_exists`, `cannot_create`
 */
export async function restoreRepository(
  { root, turns, trash, notes }: TrashServices,
  { id, to }: OperationOf<'restore'>,
): Promise<{ readonly restored: string; readonly id: string }> {
  const entry = trash.find(id)
  const { path, repository, gitDir, folder } = entry
  const name = to ?? repository
  const place = newPlace(root, name)
  // Under its own name it gets its own folder back, which may lack the ending.
  const target = name === folder ? join(root, folder) : place
  const checkTarget = () => {
    newPlace(root, name)
    if (isThere(target)) throw new Refusal('cannot_create')
  }
  checkTarget()
  using _turn = turns.take([...keysOf(name), ...keysOfEntry(entry)], 'restore')
  const move = { folder: path, gitDir: join(path, gitDir), target, borrowers: [] }
  await moveRepository(move, notes, checkTarget)
  await trash.forget(id)
  return { restored: name, id }
}

/**
 * Removes what is in the trash and whose time is over. What others still borrow from stays for another time.
 *
 * @param onRemoved called with each that was removed, `onFailed` with each that could not be
 * @throws {Refusal} `borrowers_unknown` at the end where some stayed because it cannot be read who borrows from them
 */
export async function purgeDue(
  { root, turns, trash, notes }: TrashServices,
  signal: AbortSignal,
  onRemoved: (entry: TrashEntry) => void,
  onFailed: (entry: TrashEntry, error: unknown) => void,
): Promise<void> {
  const due = await trash.due()
  if (due.length === 0) return
  const { lent, unreadable } = await whileNothingMoves(notes, async () => {
    const found = new Unreadable()
    return { lent: await lentFolders(root, trash, found.add), unreadable: found }
  })
  let unknown: Refusal | undefined
  for (const entry of due) {
    if (signal.aborted) return
    if (lent.has(realOr(join(gitDirOf(entry), 'objects')))) continue
    const refusal = unreadable.refusalFor(gitDirOf(entry))
    unknown ??= refusal
    if (refusal) continue
    try {
      using _turn = turns.take(keysOfEntry(entry), 'purge')
      await trash.purge(entry.id)
      onRemoved(entry)
    } catch (error) {
      onFailed(entry, error)
    }
  }
  if (unknown) throw unknown
}
