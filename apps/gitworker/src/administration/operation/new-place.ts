import { checkRepositoryName, plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { placeFor } from '../../creation/create-repository.ts'
import { findRepository } from '../../repository/repository.ts'

/**
 * The folder for a repository that is to have a new name. Changes nothing.
 *
 * @throws {Refusal} `repository_exists`, `cannot_create`, or for a name that breaks the rules
 */
export function newPlace(root: string, name: string): string {
  checkRepositoryName(name)
  if (findRepository(root, plainName(name)) ?? findRepository(root, name)) {
    const sentence = `There is a repository ${JSON.stringify(plainName(name))} already.`
    throw new Refusal('repository_exists', { sentence })
  }
  return placeFor(root, name)
}
