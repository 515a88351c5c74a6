import { opendirSync } from 'node:fs'
import type { Dir, Dirent } from 'node:fs'

/**
 * What is in a folder; undefined if it cannot be read, has more than so many entries, which costs no more to find out, or
 * one whose name is not UTF-8: it could not be found again.
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
