import { checkRepositoryName, plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { findRepository } from '../../repository/repository.ts'

/** A repository that an operation works on. */
export type FoundRepository = {
  /** As it was asked for. */
  readonly name: string
  readonly gitDir: string
  /** What is taken while an operation works on it: see Turns. */
  readonly keys: readonly string[]
}

/** @throws {Refusal} `repository_missing`, or for a name that breaks the rules */
export function foundRepository(root: string, name: string): FoundRepository {
  checkRepositoryName(name)
  const found = findRepository(root, name)
  if (!found) throw new Refusal('repository_missing', { sentence: `There is no repository ${JSON.stringify(name)}.` })
  return { name, gitDir: found.gitDir, keys: keysOf(name, found.gitDir) }
}

/** @param gitDir undefined where there is no repository yet */
export function keysOf(name: string, gitDir?: string): string[] {
  return [`name ${plainName(name)}`, ...(gitDir === undefined ? [] : [keyOfFolder(gitDir)])]
}

export function keyOfFolder(gitDir: string): string {
  return `folder ${gitDir}`
}
