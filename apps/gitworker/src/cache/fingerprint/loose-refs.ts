import { closeSync, openSync, readSync } from 'node:fs'
import { entriesOf } from './folder-entries.ts'
import type { StatInfo } from './stat-info.ts'

/** Files and folders below `refs`. A look at more of them would keep other requests waiting. They belong in packed-refs. */
const maxEntries = 1100

/**
 * Looks at everything that git reads below some folders of a repository's `refs` (loose_fill_ref_dir in
 * refs/files-backend.c).
 *
 * A reference may be symbolic. Then it may lead to the first line of FETCH_HEAD, to another work tree's HEAD, or to any file
 * beside HEAD whose name is in capitals. So all of them are read once, when the fingerprint is taken: each must be a hash,
 * or lead to a reference that is looked at too.
 *
 * @param below `refs`, or some of the folders in it
 * @returns false if there is too much, or something that may depend on a file that is not looked at
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
    // Read after it was looked at: anything that is added in between shows in the folder's times.
    const found = entriesOf(folder, maxEntries - entries)
    if (!found) return false
    entries += found.length
    for (const { name } of found) {
      if (isPassedOver(name)) continue
      const path = `${folder}/${name}`
      const kind = files.look(path)
      if (kind === 'folder') folders.push(path)
      else if (kind === 'file') refs.push(path)
      // A link leads to files that are not looked at.
      else return false
    }
  }
  return refs.every((path) => isHashOrWithin(path, below))
}

/**
 * Whether the file of a reference, or HEAD, contains a hash or the name of a reference below one of these folders
 * (parse_loose_ref_contents in refs/files-backend.c). It is read after it was looked at: if it changes in between, the
 * fingerprint does not stand.
 */
export function isHashOrWithin(path: string, below: readonly string[]): boolean {
  const text = beginningOf(path)
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})(?:[ \t\r\n]|$)/.test(text)) return true
  const target = /^ref:[ \t\r\n]*(.*)/.exec(text)?.[1]
  return target !== undefined && below.some((folder) => target.startsWith(`${folder}/`))
}

/** git skips them too, files and folders alike. A lock becomes a reference by a rename, which changes the folder's times. */
function isPassedOver(name: string): boolean {
  return name.startsWith('.') || name.endsWith('.lock')
}

/** A hash and the end of its line. */
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
