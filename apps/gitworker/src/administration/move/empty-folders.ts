import { lstatSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { isBelow } from '../../repository/repository.ts'

/** Removes the folders above a repository that is gone, up to the root, as long as they are empty and this user's. */
export function removeEmptyAbove(root: string, gone: string): void {
  try {
    for (let folder = dirname(gone); isBelow(root, folder); folder = dirname(folder)) {
      if (lstatSync(folder).uid !== process.getuid?.()) return
      rmdirSync(folder)
    }
  } catch {
    // One of them is not empty, or may not be removed.
  }
}
