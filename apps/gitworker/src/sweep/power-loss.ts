import { opendir, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { foundFromBeforeBoot } from './before-boot.ts'
import { keepFilesIn, keepReason, quarantineName, shallowName } from './push-leftovers.ts'
import { commonDirOf } from '../repository/repository.ts'

/*
 * What a power loss leaves in a repository. Nobody has told whose it is; that it is older than the machine's start says that
 * it is nobody's any more.
 */

/** gitrepository-layout(5): a work tree's own, and those that it shares with others. */
export const ownLocks = ['HEAD.lock', 'index.lock']
export const sharedLocks = ['packed-refs.lock', 'shallow.lock', 'config.lock', 'reftable/tables.list.lock']

/** So many names of references are looked at. */
const maxRefs = 100_000

/** For a repository that is known to have been pushed to: looks at all that it could have been. */
export async function sweepAfterPowerLoss(gitDir: string): Promise<string[]> {
  const commonDir = commonDirOf(gitDir)
  return removeFromBeforeBoot(gitDir, [
    ...ownLocks.map((name) => join(gitDir, name)),
    ...sharedLocks.map((name) => join(commonDir, name)),
    ...(await locksOfRefs(join(commonDir, 'refs'))),
    ...(await remainsOfPushes(commonDir)),
  ])
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

/** The paths of quarantines and temporary shallow files, and of `.keep` files that a push on this host has made. */
export async function remainsOfPushes(commonDir: string): Promise<string[]> {
  const objects = join(commonDir, 'objects')
  const found = (await readdir(objects)).filter((name) => quarantineName.test(name)).map((name) => join(objects, name))
  found.push(
    ...(await readdir(commonDir)).filter((name) => shallowName.test(name)).map((name) => join(commonDir, name)),
  )
  for (const path of await keepFilesIn(objects)) if (isFromHere(await keepReason(path))) found.push(path)
  return found
}

/** Others keep packs for reasons of their own. */
function isFromHere(reason: string): boolean {
  return /^receive-pack \d+ on /.test(reason) && reason.endsWith(` on ${hostname()}`)
}

async function locksOfRefs(refs: string): Promise<string[]> {
  const found: string[] = []
  let names = 0
  for await (const entry of await opendir(refs, { recursive: true })) {
    if (++names > maxRefs) break
    if (entry.isFile() && entry.name.endsWith('.lock')) found.push(join(entry.parentPath, entry.name))
  }
  return found
}
