import { lstatSync } from 'node:fs'
import { opendir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { mayBeWrittenTo } from '../process/path-in-use.ts'
import { isLockName, ownLocks, sharedLocks } from '../repository/git-files.ts'
import { keepFilesIn, keepReason } from './keep-files.ts'
import { removeStalePackedRefs } from './packed-refs.ts'
import type { Removal } from './removal.ts'

/*
 * A fetch of a mirror that is killed leaves locks of all references that it was about to change, half a pack or half
 * an object, and the `.keep` file of its pack. Here locks can be proven to be nobody's: nobody but the mirror's own fetch
 * changes its references, since pushes to it are refused; the fetch is dead; and the files were made while it ran, by this
 * user, while no other process is at work with the repository but those that read.
 */

/** Names of index-pack in `objects/pack`, and of unpack-objects in the folders of loose objects. */
const temporaryPack = /^tmp_(?:pack|idx|rev)_\w+$/
const temporaryObject = /^tmp_obj_\w+$/

/** What fetch-pack writes into the `.keep` file of the pack that it gets (fetch-pack.c). */
const reasonOfFetch = /^fetch-pack \d+ on /

/** The most names below `refs` that are looked at. */
const maxRefs = 2_000_000

/** @param since when the fetch was begun, in milliseconds since 1970 */
export async function removeFetchLeftovers(commonDir: string, since: number): Promise<Removal> {
  try {
    const left = (await leftIn(commonDir)).filter((path) => isOurs(path, since))
    const packedRefs = removeStalePackedRefs(commonDir)
    if (left.length === 0) return { removed: packedRefs, isPostponed: false }
    if (mayBeWrittenTo(commonDir)) return { removed: packedRefs, isPostponed: true }
    for (const path of left) await rm(path, { force: true })
    // It could not be judged while packed-refs was locked.
    return { removed: [...packedRefs, ...left, ...removeStalePackedRefs(commonDir)], isPostponed: false }
  } catch (error) {
    // A repository that was yet to be created, and is gone.
    if (errnoOf(error) === 'ENOENT') return { removed: [], isPostponed: false }
    throw error
  }
}

async function leftIn(commonDir: string): Promise<string[]> {
  const objects = join(commonDir, 'objects')
  const found = [...ownLocks, ...sharedLocks].map((name) => join(commonDir, name))
  found.push(...(await named(join(objects, 'pack'), temporaryPack)))
  found.push(...(await temporaryObjectsIn(objects)))
  for (const file of await keepFilesIn(objects)) if (reasonOfFetch.test(await keepReason(file))) found.push(file)
  let names = 0
  for await (const entry of await opendir(join(commonDir, 'refs'), { recursive: true })) {
    if (++names > maxRefs) break
    if (entry.isFile() && isLockName(entry.name)) found.push(join(entry.parentPath, entry.name))
  }
  return found
}

/** In the folders of loose objects. unpack-objects leaves one also where the disk is full. */
export async function temporaryObjectsIn(objects: string): Promise<string[]> {
  const folders = await named(objects, /^[0-9a-f]{2}$/)
  return (await Promise.all(folders.map((folder) => named(folder, temporaryObject)))).flat()
}

async function named(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder)
  return names.filter((name) => pattern.test(basename(name))).map((name) => join(folder, name))
}

function isOurs(path: string, since: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.uid !== process.getuid?.() || !found?.isFile()) return false
  return found.birthtimeMs >= since && found.mtimeMs >= since
}
