import { join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { realOr } from './alternates.ts'
import { borrowings } from './borrowings.ts'
import type { Borrower, TrashLook } from './borrowings.ts'
import { Unreadable } from './unreadable.ts'

/**
 * Finds the repositories that borrow objects from another, by looking at all there are.
 *
 * @throws {Refusal} `borrowers_unknown` where one cannot be read
 */
export async function borrowersOf(gitDir: string, root: string, trash: TrashLook): Promise<Borrower[]> {
  const unreadable = new Unreadable()
  const found = await readableBorrowersOf(gitDir, root, trash, unreadable)
  const refusal = unreadable.refusalFor(gitDir)
  if (refusal) throw refusal
  return found
}

/** The same without those that cannot be read. */
export async function readableBorrowersOf(
  gitDir: string,
  root: string,
  trash: TrashLook,
  unreadable: Unreadable,
): Promise<Borrower[]> {
  const objects = realOr(join(gitDir, 'objects'))
  const found = new Map<string, Borrower>()
  for await (const { borrower, folders } of borrowings(root, trash, unreadable.add)) {
    // A repository that is reached by several names is one.
    if (borrower.gitDir !== gitDir && folders.includes(objects)) found.set(borrower.gitDir, borrower)
  }
  return [...found.values()]
}

/** @throws {Refusal} `repository_lends` where there are any */
export function checkLendsToNobody(borrowers: readonly Borrower[]): void {
  if (borrowers.length === 0) return
  const named = borrowers.slice(0, 10).map(nameInWords)
  const more = borrowers.length > named.length ? ` and ${borrowers.length - named.length} more` : ''
  const sentence = `Other repositories borrow objects from this one: ${named.join(', ')}${more}. Delete them first; those in the trash must be purged.`
  throw new Refusal('repository_lends', { sentence })
}

export function nameInWords({ name, isInTrash }: Borrower): string {
  return isInTrash ? `${name} (in the trash)` : name
}
