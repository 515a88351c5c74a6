import { opendirSync } from 'node:fs'
import type { Dir, Dirent } from 'node:fs'

/**
 * The entries of a folder. Undefined if it cannot be read, has more than `most` entries (reading stops there), or has one
 * whose name is not UTF-8, since that could not be found again.
 */
export function entriesOf(path: string, most: number): Dirent[] | undefined {
  let folder: Dir | undefined
  try {
    folder = opendirSync(path, { bufferSize: 256 })
    const entries: Dirent[] = []
    for (let entry; (entry = folder.readSync());) {
      if (entries.push(entry) > most || entry.name.includes('\uFFFD')) return undefined
    }
    return entries
  } catch {
    return undefined
  } finally {
    folder?.closeSync()
  }
}
