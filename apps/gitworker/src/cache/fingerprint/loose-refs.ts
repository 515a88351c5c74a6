import { closeSync, openSync, readSync } from 'node:fs'
import { entriesOf } from './folder-entries.ts'
import type { StatInfo } from './stat-info.ts'

/** Files and folders below `refs`. Above it a look would take so long that others wait; they belong into packed-refs. */
const maxEntries = 1100

/**
 * Takes in what git reads below some folders of a repository's `refs` (loose_fill_ref_dir in refs/files-backend.c).
 *
 * A ref may stand for another one, and that one for the first line of FETCH_HEAD, for another work tree's HEAD, or for any
 * file beside HEAD whose name is in capitals. So all of them are read, once, when the fingerprint is taken: a ref is a hash,
 * or stands for one that is looked at, too.
 *
 * @param below `refs`, or some of the folders in it
 * @returns false if there is too much of it, or something whose value may depend on what is not there
 */
export function lookAtLooseRefs(gitDir: string, files: StatInfo, below: readonly string[] = ['refs']): boolean {
  const folders: string[] = []
  for (const name of below) {
    const folder = `${gitDir}/${name}`
    const kind = files.look(folder)
    if (kind === 'folder') folders.push(folder)
    else if (kind !== 'absent') return false
  }
  const refs: string[] = []
  let entries = 1
  for (const folder of folders) {
    // Read after it was looked at: what is added in between then shows in the folder's times.
    const found = entriesOf(folder, maxEntries - entries)
    if (!found) return false
    entries += found.length
    for (const { name } of found) {
      if (isPassedOver(name)) continue
      const path = `${folder}/${name}`
      const kind = files.look(path)
      if (kind === 'folder') folders.push(path)
      else if (kind === 'file') refs.push(path)
      // A link leads to where nothing is looked at.
      else return false
    }
  }
  return refs.every((path) => isHashOrWithin(path, below))
}

/**
 * Whether a ref's file, or HEAD, says a hash, or the name of a ref below one of these folders: parse_loose_ref_contents in
 * refs/files-backend.c. It is read after it was looked at: if it changes in between, what was looked at does not stand.
 */
export function isHashOrWithin(path: string, below: readonly string[]): boolean {
  const text = beginningOf(path)
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})(?:[ \t\r\n]|$)/.test(text)) return true
  const target = /^ref:[ \t\r\n]*(.*)/.exec(text)?.[1]
  return target !== undefined && below.some((folder) => target.startsWith(`${folder}/`))
}

/** git does too, be it a file or a folder. A lock becomes a ref by a rename, and the folder's times tell of that. */
function isPassedOver(name: string): boolean {
  return name.startsWith('.') || name.endsWith('.lock')
}

/** As much as a hash and the end of its line. */
const buffer = Buffer.alloc(65)

function beginningOf(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0))
  } catch {
    return ''
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
