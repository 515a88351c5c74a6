import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { isInUse } from '../process/path-in-use.ts'
import { locksOfObjects, quarantineName } from '../repository/git-files.ts'
import { foundFromBeforeBoot } from '../sweep/before-boot.ts'

/*
 * What a killed git leaves among the objects: half a pack, half an object, a quarantine. `git prune` removes temporary
 * files that have not changed for two weeks (prune_tmp_file in builtin/prune.c). The same age counts here, or that they are
 * from before this machine's start. The file must be this user's, and no process may use it.
 */

/** Names of index-pack, pack-objects, repack and multi-pack-index, in `objects/pack`. */
const temporaryPack = /^(?:tmp_(?:pack|idx|rev|bitmap|midx|mtimes)_\w+|\.tmp-\d+-pack-[0-9a-f]+\.\w+)$/

/** In a folder of loose objects. */
const temporaryObject = /^tmp_obj_\w+$/

/** Of locks of what can be made anew. */
const maxLockMs = 24 * 60 * 60_000

/** In one repository, at once. The next run removes the next. */
const maxRemoved = 1000

/**
 * @param now milliseconds since 1970
 * @param maxAge of temporary files, in milliseconds
 * @param isShared whether other machines write here, too: then this machine's start says nothing
 * @returns the paths of what was removed
 */
export async function removeOldTemporaries(
  gitDir: string,
  now: number,
  maxAge: number,
  isShared: boolean,
): Promise<string[]> {
  const objects = join(gitDir, 'objects')
  const found = [...(await named(join(objects, 'pack'), temporaryPack)), ...(await named(objects, quarantineName))]
  for (const folder of await named(objects, /^[0-9a-f]{2}$/)) found.push(...(await named(folder, temporaryObject)))
  const locks = locksOfObjects.map((name) => join(objects, name))
  const aged = [...locks.map((path) => [path, maxLockMs] as const), ...found.map((path) => [path, maxAge] as const)]
  const removed: string[] = []
  for (const [path, age] of aged.slice(0, maxRemoved)) {
    const isFromBefore = !isShared && foundFromBeforeBoot(path, gitDir) !== undefined
    const isOwnerless = isFromBefore || (await isOldAndOurs(path, now - age))
    if (!isOwnerless || isInUse(path)) continue
    await rm(path, { recursive: true, force: true })
    removed.push(path)
  }
  return removed
}

async function isOldAndOurs(path: string, before: number): Promise<boolean> {
  try {
    const found = await lstat(path)
    return found.uid === process.getuid?.() && found.mtimeMs < before && (found.isFile() || found.isDirectory())
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

async function named(folder: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(folder)).filter((name) => pattern.test(name)).map((name) => join(folder, name))
}
