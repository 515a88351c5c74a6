import { Refusal } from '@sluice/shared/refusal/refusal'
import { plainName } from '@sluice/shared/git/repository-name'
import type { RunJob } from '../../process/job/job.ts'
import { foundRepository, keysOf } from '../operation/found-repository.ts'
import { renameToHost } from './give-to-host.ts'
import type { GivenToHost, GivingServices } from './give-to-host.ts'
import { holdForMove } from './held-repository.ts'
import type { MovingServices } from './held-repository.ts'
import { removeEmptyAbove } from '../move/empty-folders.ts'
import { moveRepository } from '../move/move-repository.ts'
import { newPlace } from '../operation/new-place.ts'
import type { HeldPlace } from '../operation/held-operation.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'

export type Renamed = { readonly renamed: string; readonly to: string; readonly borrowers: readonly string[] }

/**
 * Gives a repository another name, which may lie in another folder. The old name is free afterwards.
 *
 * @throws {Refusal} `repository_missing`, `repository_exists`, `repository_in_use`, `not_movable` …
 */
export async function renameRepository(
  services: MovingServices & GivingServices & { readonly runJob: RunJob },
  operation: OperationOf<'rename'>,
  progress: Progress,
  { otherHost, ...place }: HeldPlace,
): Promise<Renamed | GivenToHost> {
  if (otherHost !== undefined) return await renameToHost(services, operation, progress, { ...place, otherHost })
  const { root, notes } = services
  const { repository, to } = operation
  const found = foundRepository(root, repository)
  if (plainName(repository) === plainName(to)) {
    throw new Refusal('bad_operation', {
      sentence: 'The new name is the old one: ".git" at the end makes no difference.',
    })
  }
  const target = newPlace(root, to)
  if (target.startsWith(`${found.gitDir}/`)) throw new Refusal('cannot_create')
  using held = await holdForMove(services, found, 'rename', progress, { others: keysOf(to) })
  const borrowers = held.borrowers.map(({ gitDir }) => gitDir)
  await moveRepository({ ...held, target, borrowers }, notes, () => void newPlace(root, to))
  removeEmptyAbove(root, held.folder)
  return { renamed: repository, to, borrowers: held.borrowers.map(({ name }) => name) }
}
