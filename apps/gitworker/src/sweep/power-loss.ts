import { opendir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isLockName, ownLocks, quarantineName, sharedLocks, shallowName } from '../repository/git-files.ts'
import { commonDirOf } from '../repository/repository.ts'
import { foundFromBeforeBoot } from './before-boot.ts'
import { isOfPushHere, keepFilesIn, keepReason } from './keep-files.ts'

/*
 * What a power loss leaves in a repository. No note says whose it is. If it is older than this machine's start, its maker
 * is dead.
 */

/** The most names below `refs` that are looked at. */
const maxRefs = 100_000

/** Looks through a repository that is known to have been pushed to. @returns the paths of what was removed */
export async function sweepAfterPowerLoss(gitDir: string): Promise<string[]> {
  const commonDir = commonDirOf(gitDir)
  return removeFromBeforeBoot(gitDir, [
    ...locksIn(gitDir, commonDir),
    ...(await locksOfRefs(join(commonDir, 'refs'))),
    ...(await leftoversOfPushes(commonDir)),
  ])
}

/** The paths at which git locks what is not a single reference. */
export function locksIn(gitDir: string, commonDir: string): string[] {
  return [...ownLocks.map((name) => join(gitDir, name)), ...sharedLocks.map((name) => join(commonDir, name))]
}

/** @returns those of the paths that were removed: this user's, from before this machine's start */
export async function removeFromBeforeBoot(gitDir: string, paths: readonly string[]): Promise<string[]> {
  const stale = paths.filter((path) => {
    const found = foundFromBeforeBoot(path, gitDir)
    return found?.isFile() || (found?.isDirectory() && quarantineName.test(basename(path)))
  })
  for (const path of stale) await rm(path, { recursive: true, force: true })
  return stale
}

/** The paths of quarantines, of temporary lists of shallow commits, and of `.keep` files that a push on this host has made. */
export async function leftoversOfPushes(commonDir: string): Promise<string[]> {
  const objects = join(commonDir, 'objects')
  const found = [...(await pathsIn(objects, quarantineName)), ...(await pathsIn(commonDir, shallowName))]
  for (const path of await keepFilesIn(objects)) if (isOfPushHere(await keepReason(path))) found.push(path)
  return found
}

async function pathsIn(folder: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(folder)).filter((name) => pattern.test(name)).map((name) => join(folder, name))
}

async function locksOfRefs(refs: string): Promise<string[]> {
  const found: string[] = []
  let names = 0
  for await (const entry of await opendir(refs, { recursive: true })) {
    if (++names > maxRefs) break
    if (entry.isFile() && isLockName(entry.name)) found.push(join(entry.parentPath, entry.name))
  }
  return found
}
