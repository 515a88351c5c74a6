import { closeSync, lstatSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'

/**
 * Removes a `packed-refs.new` that nobody owns. As long as there is one, git fails at every deletion. git has one only
 * while it holds `packed-refs.lock` (refs/packed-backend.c), so the holder of that lock knows that the file is left
 * over. The lock is taken here as git takes it, and released. If another process holds it, nothing is done.
 *
 * Synchronous: the lock is held for two system calls.
 *
 * @returns the path of what was removed
 */
export function removeStalePackedRefs(commonDir: string): string[] {
  const file = join(commonDir, 'packed-refs')
  const left = `${file}.new`
  if (!isThere(left) || isLink(file)) return []
  const lock = `${file}.lock`
  try {
    closeSync(openSync(lock, 'wx'))
  } catch (error) {
    if (declined.has(errnoOf(error))) return []
    throw error
  }
  try {
    rmSync(left, { force: true })
    return [left]
  } finally {
    rmSync(lock)
  }
}

/** Somebody holds the lock, or this process may not or cannot write here. */
const declined = new Set(['EEXIST', 'EACCES', 'EROFS', 'ENOENT', 'ENOSPC'])

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** If it is, git's lock is beside the link's target. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}
