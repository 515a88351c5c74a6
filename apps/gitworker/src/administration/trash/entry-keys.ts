import { join } from 'node:path'
import { keyOfFolder } from '../operation/found-repository.ts'
import type { TrashEntry } from './trash-note.ts'

type Entry = Pick<TrashEntry, 'id' | 'path' | 'gitDir'>

/** What is taken while an operation works on an entry. Its folder's, too: while what it borrows from is moved, its alternates are changed. */
export function keysOfEntry(entry: Entry): string[] {
  return [`trash ${entry.id}`, keyOfFolder(gitDirOf(entry))]
}

export function gitDirOf({ path, gitDir }: Pick<Entry, 'path' | 'gitDir'>): string {
  return join(path, gitDir)
}
