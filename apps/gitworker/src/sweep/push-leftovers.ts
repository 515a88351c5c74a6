import { lstatSync, realpathSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { PushWords } from '../git/push-trace.ts'
import { isInUse, worksIn } from '../process/path-in-use.ts'
import type { Noted } from '../process/request-note.ts'
import { locksOfObjects, quarantineName, shallowName } from '../repository/git-files.ts'
import { commonDirOf } from '../repository/repository.ts'
import { keepFilesIn, keepReason } from './keep-files.ts'
import { removeFetchLeftovers, temporaryObjectsIn } from './fetch-leftovers.ts'
import { removeStalePackedRefs } from './packed-refs.ts'
import type { Removal } from './removal.ts'

/*
 * A push that is ended by a signal leaves its quarantine behind (`objects/tmp_objdir-incoming-*`, git's commit
 * 22613b25ec). One that is ended between its pack and its report also leaves a `.keep` file, which keeps its pack for
 * ever. If the client's history is shallow, SIGKILL leaves a temporary file, too.
 *
 * A file is removed only if a dead push has named it in its own trace, because that proves who made it. Nothing proves
 * who owns a lock: git removes its own locks at SIGTERM, and one that SIGKILL has left looks like an operator's. A lock
 * left behind is an annoyance; a lock taken from its owner is a lost commit.
 */

/** Removes what a push or a repack has left, when no process of it lives any more. */
export async function removeLeftovers(noted: Noted): Promise<Removal> {
  const { gitDir, words, temporaryPacks, repacksSince, fetchesSince } = noted
  if (gitDir === undefined) return { removed: [], isPostponed: false }
  if (fetchesSince !== undefined) return await removeFetchLeftovers(commonDirOf(gitDir), fetchesSince)
  const commonDir = commonDirOf(gitDir)
  const removed = removeStalePackedRefs(commonDir)
  const objects = join(commonDir, 'objects')
  if (words === undefined) {
    const left = [...(await packsNamed(objects, temporaryPacks)), ...(await temporariesSince(objects, repacksSince))]
    return await removeAll(left, isInUse, removed)
  }
  const found = [
    ...namedIn(objects, words.quarantine, quarantineName).filter(isFolder),
    ...namedIn(gitDir, words.shallowFile, shallowName).filter((path) => !isFolder(path)),
    ...(await keepFilesOf(objects, words)),
  ]
  const maker = words.pid
  const isUsed = (path: string) => (maker !== undefined && worksIn(maker, gitDir)) || isInUse(path)
  return await removeAll(found, isUsed, removed)
}

async function removeAll(
  found: readonly string[],
  isUsed: (path: string) => boolean,
  removed: string[],
): Promise<Removal> {
  let isPostponed = false
  for (const path of found) {
    if (isUsed(path)) isPostponed = true
    else if (await isRemoved(path)) removed.push(path)
    else isPostponed = true
  }
  return { removed, isPostponed }
}

/** The path that git has named, if it is in this folder and this user's: a hook may push to other repositories. */
function namedIn(folder: string, path: string | undefined, pattern: RegExp): string[] {
  if (path === undefined) return []
  const named = resolve(path)
  const found = join(folder, basename(named))
  return pattern.test(basename(named)) && isSameFolder(dirname(named), folder) && isOurs(found) ? [found] : []
}

/** The files of a repack whose names begin as it has said. */
async function packsNamed(objects: string, beginning: string | undefined): Promise<string[]> {
  if (beginning === undefined || !isSameFolder(dirname(beginning), join(objects, 'pack'))) return []
  const names = await readdir(join(objects, 'pack'))
  return names
    .filter((name) => name.startsWith(`${basename(beginning)}-`))
    .map((name) => join(objects, 'pack', name))
    .filter(isOurs)
}

/**
 * What a killed repack, or a copy's fetch, has left since it was begun: temporary packs, half an object, and locks of what can
 * be made anew. A push's are in its quarantine.
 * Another git that writes here at the same time is at work with its file, so that it is not taken; it would be a failed
 * command, and never a lost object.
 */
async function temporariesSince(objects: string, since: number | undefined): Promise<string[]> {
  if (since === undefined) return []
  const packs = join(objects, 'pack')
  const isNew = (path: string) => {
    const found = lstatSync(path, { throwIfNoEntry: false })
    return found !== undefined && found.birthtimeMs >= since && found.mtimeMs >= since
  }
  const names = (await readdir(packs)).filter((name) => /^tmp_(?:pack|idx|rev|bitmap|midx|mtimes)_\w+$/.test(name))
  const paths = [...names.map((name) => join(packs, name)), ...locksOfObjects.map((name) => join(objects, name))]
  paths.push(...(await temporaryObjectsIn(objects)))
  return paths.filter((path) => isOurs(path) && isNew(path))
}

function isFolder(path: string): boolean {
  return lstatSync(path).isDirectory()
}

function isSameFolder(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other)
  } catch {
    return false // The repository has been removed.
  }
}

async function keepFilesOf(objects: string, { keep }: PushWords): Promise<string[]> {
  if (keep === undefined) return []
  const found: string[] = []
  for (const path of await keepFilesIn(objects)) {
    if (isOurs(path) && (await keepReason(path)) === keep) found.push(path)
  }
  return found
}

function isOurs(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.()
}

/** @returns false if it cannot be removed now: the disk or its permissions may be mended later */
async function isRemoved(path: string): Promise<boolean> {
  try {
    await rm(path, { recursive: true })
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}
