import { join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { repositoriesBelow } from '../look/walk-root.ts'
import type { Walked } from '../look/walk-root.ts'
import { borrowedFolders, realOr } from './alternates.ts'

/** A repository that borrows objects from another. One in the trash still needs them, since it may be restored. */
export type Borrower = Walked & { readonly isInTrash: boolean }

/**
 * Finds the repositories that borrow objects from another, by looking at all there are: an operator may have made some with
 * `git clone --shared`, which leaves no mark in the one that lends.
 *
 * @param trashed the repositories in the trash
 */
export async function borrowersOf(gitDir: string, root: string, trashed: AsyncIterable<Walked>): Promise<Borrower[]> {
  const objects = realOr(join(gitDir, 'objects'))
  const found: Borrower[] = []
  const look = (one: Walked, isInTrash: boolean) => {
    if (one.gitDir !== gitDir && borrows(one.gitDir, objects)) found.push({ ...one, isInTrash })
  }
  for await (const one of repositoriesBelow(root)) look(one, false)
  for await (const one of trashed) look(one, true)
  // A repository that is reached by several names is one.
  return [...new Map(found.map((one) => [one.gitDir, one])).values()]
}

function borrows(gitDir: string, objects: string): boolean {
  try {
    return borrowedFolders(gitDir).includes(objects)
  } catch {
    return false // It may not be read, or is gone.
  }
}

/** @throws {Refusal} `repository_lends` where there are any */
export function checkLendsToNobody(borrowers: readonly Borrower[]): void {
  if (borrowers.length === 0) return
  const named = borrowers.slice(0, 10).map(({ name, isInTrash }) => (isInTrash ? `${name} (in the trash)` : name))
  const more = borrowers.length > named.length ? ` and ${borrowers.length - named.length} more` : ''
  const sentence = `Other repositories borrow objects from this one: ${named.join(', ')}${more}. Delete them first; those in the trash must be purged.`
  throw new Refusal('repository_lends', { sentence })
}
