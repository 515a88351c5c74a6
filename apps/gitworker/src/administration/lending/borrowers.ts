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
  const found = new Map<string, Borrower>()
  for await (const { borrower, folders } of borrowings(root, trashed)) {
    // A repository that is reached by several names is one.
    if (borrower.gitDir !== gitDir && folders.includes(objects)) found.set(borrower.gitDir, borrower)
  }
  return [...found.values()]
}

/** The real paths of all folders of objects that some repository borrows from. */
export async function lentFolders(root: string, trashed: AsyncIterable<Walked>): Promise<ReadonlySet<string>> {
  const lent = new Set<string>()
  for await (const { folders } of borrowings(root, trashed)) for (const folder of folders) lent.add(folder)
  return lent
}

type Borrowing = { readonly borrower: Borrower; readonly folders: readonly string[] }

async function* borrowings(root: string, trashed: AsyncIterable<Walked>): AsyncGenerator<Borrowing> {
  for await (const one of repositoriesBelow(root)) yield* borrowingOf({ ...one, isInTrash: false })
  for await (const one of trashed) yield* borrowingOf({ ...one, isInTrash: true })
}

function* borrowingOf(borrower: Borrower): Generator<Borrowing> {
  const folders = foldersOf(borrower.gitDir)
  if (folders.length > 0) yield { borrower, folders }
}

function foldersOf(gitDir: string): string[] {
  try {
    return borrowedFolders(gitDir)
  } catch {
    return [] // It may not be read, or is gone.
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
