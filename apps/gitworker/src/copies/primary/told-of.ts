import { findRepository } from '../../repository/repository.ts'
import { checkIsAbsent } from '../absence.ts'
import type { Told, ToldState, Trashed } from '../link/told.ts'
import { objectPlaceOf } from '../object-store.ts'
import type { ObjectStore } from '../object-store.ts'
import type { RepositoryState } from '../state/read-state.ts'
import { hashOfTexts } from '../state/repository-texts.ts'
import { absentDigest } from '../state/state-digest.ts'

/** What is told of a repository that there is. */
export function toldStateOf(state: RepositoryState): Pick<Told, 'digest' | 'state' | 'trashed'> {
  const { digest, format, head, headIsGuess, symbolic } = state
  const told: ToldState = { format, head, headIsGuess, symbolic: [...symbolic], texts: hashOfTexts(state) }
  return { digest, state: told, trashed: null }
}

/**
 * What is told of a repository that there is not: copies move theirs to their trash then.
 *
 * @throws {Error} where it is not certain that there is none
 */
export async function toldAbsence(
  root: string,
  repository: string,
  trashed: (repository: string) => Promise<Trashed | null>,
): Promise<Pick<Told, 'digest' | 'state' | 'trashed'>> {
  checkIsAbsent(root, repository)
  return { digest: absentDigest, state: null, trashed: await trashed(repository) }
}

/** Whether a copy is to look for objects. */
export function toldObjectsOf(
  store: Pick<ObjectStore, 'mayHave'>,
  root: string,
  repository: string,
): Pick<Told, 'hasObjects'> {
  const found = findRepository(root, repository)
  return found && store.mayHave(objectPlaceOf(repository, found.gitDir)) ? { hasObjects: true } : {}
}
