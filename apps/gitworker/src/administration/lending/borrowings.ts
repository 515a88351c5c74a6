import { join } from 'node:path'
import { allRepositoriesBelow } from '../look/walk-root.ts'
import type { OnUnreadable, Walked } from '../look/walk-root.ts'
import { borrowedFolders } from './alternates.ts'

/*
 * Who borrows objects from whom. An operator may have made a borrower with `git clone --shared`, which leaves no mark in the
 * one that lends, so all repositories are looked at: those in the trash, too, since they may be restored, and those that
 * no request leads to.
 */

/** A repository that borrows objects from another. */
export type Borrower = Walked & { readonly isInTrash: boolean }

export type Borrowing = {
  readonly borrower: Borrower
  /** The real paths of the folders of objects that it borrows from: one at least. */
  readonly folders: readonly string[]
}

/** What the look asks the trash. */
export type TrashLook = {
  repositories(onUnreadable: OnUnreadable): AsyncIterable<Walked>
  isGone(gitDir: string): boolean
}

/** @param onUnreadable called with the path of what cannot be read, or not be understood: somebody may borrow there */
export async function* borrowings(
  root: string,
  trash: TrashLook,
  onUnreadable: OnUnreadable,
): AsyncGenerator<Borrowing> {
  for await (const borrower of allBelow(root, trash, onUnreadable)) {
    try {
      const folders = borrowedFolders(borrower.gitDir)
      if (folders.length > 0) yield { borrower, folders }
    } catch (error) {
      onUnreadable(join(borrower.gitDir, 'objects/info/alternates'), error)
    }
  }
}

export async function* allBelow(root: string, trash: TrashLook, onUnreadable: OnUnreadable): AsyncGenerator<Borrower> {
  const trashed = new Set<string>()
  for await (const one of trash.repositories(onUnreadable)) {
    trashed.add(one.gitDir)
    yield { ...one, isInTrash: true }
  }
  // It comes by the trash as well, where there may be repositories that are none of its own.
  for await (const one of allRepositoriesBelow(root, onUnreadable)) {
    if (!trashed.has(one.gitDir) && !trash.isGone(one.gitDir)) yield { ...one, isInTrash: false }
  }
}

/** The real paths of all folders of objects that some repository borrows from. */
export async function lentFolders(
  root: string,
  trash: TrashLook,
  onUnreadable: OnUnreadable,
): Promise<ReadonlySet<string>> {
  const lent = new Set<string>()
  for await (const { folders } of borrowings(root, trash, onUnreadable)) for (const folder of folders) lent.add(folder)
  return lent
}
