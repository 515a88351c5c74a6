import { closeSync, lstatSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'

/**
 * Removes a `packed-refs.new` that nobody owns: git fails at every deletion as long as it is there. git has one only while it
 * holds `packed-refs.lock` (refs/packed-backend.c). So whoever holds that lock knows that it is nobody's: it is taken as git
 * does it, and given back. If somebody else holds it, nothing is done.
 *
 * Synchronous: the lock is held for two system calls.
 *
 * @returns the path of what was removed
 */
export function freePackedRefs(commonDir: string): string[] {
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

/** Somebody holds it; or it is not ours to write here. */
const declined = new Set(['EEXIST', 'EACCES', 'EROFS', 'ENOENT', 'ENOSPC'])

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** Then git's lock is beside the link's target. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}
