import { relative } from 'node:path'
import { plainName } from '@sluice/shared/git/repository-name'
import { foundRepository } from '../operation/found-repository.ts'
import { holdForMove } from './held-repository.ts'
import type { MovingServices } from './held-repository.ts'
import { checkLendsToNobody } from '../lending/borrowers.ts'
import { removeEmptyAbove } from '../move/empty-folders.ts'
import { moveRepository } from '../move/move-repository.ts'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { TrashEntry } from '../trash/trash-note.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'

export type Deleted = {
  readonly deleted: string
  readonly id: string
  /** ISO 8601; null where only an operator removes it for good. */
  readonly keptUntil: string | null
}

/**
 * Moves a repository to the trash.
 *
 * @throws {Refusal} `repository_missing`, `repository_lends`, `repository_in_use`, `not_movable` …
 */
export async function deleteRepository(
  services: MovingServices,
  { repository }: OperationOf<'delete'>,
  progress: Progress,
): Promise<Deleted> {
  const { root, trash, notes } = services
  const found = foundRepository(root, repository)
  using held = await holdForMove(services, found, 'delete', progress, { check: checkLendsToNobody })
  const { folder, gitDir } = held
  const places = { absolute: folder, relative: relative(root, folder) }
  const entry = prepared(() => trash.prepare(plainName(repository), places, relative(folder, gitDir)))
  try {
    await moveRepository({ folder, gitDir, target: entry.path, borrowers: [] }, notes, () => {})
  } catch (error) {
    await trash.forget(entry.id)
    throw error
  }
  removeEmptyAbove(root, folder)
  return { deleted: repository, id: entry.id, keptUntil: entry.keptUntil }
}

function prepared(prepare: () => TrashEntry): TrashEntry {
  try {
    return prepare()
  } catch (cause) {
    throw new Refusal('operation_failed', {
      sentence: 'The trash, .sluice-trash.lock in the root, cannot be used.',
      cause,
    })
  }
}
