import { lstatSync, realpathSync } from 'node:fs'
import { open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { freePackedRefs } from './packed-refs.ts'
import type { PushWords } from '../git/push-trace.ts'
import { commonDirOf } from '../repository/repository.ts'
import type { Noted } from '../process/request-note.ts'
import { isInUse, worksIn } from '../process/path-in-use.ts'

/*
 * A push that is ended by a signal, its own or SIGPIPE's, leaves its quarantine behind (`objects/tmp_objdir-incoming-*`,
 * git's commit 22613b25ec), and one that is ended between its pack and its report a `.keep`, which holds its pack for ever.
 * SIGKILL also leaves the temporary file that there is where the client's history is shallow.
 *
 * Only what is proven to be a dead push's is removed: what it has named in its own words. Locks cannot be proven: git
 * removes its own at SIGTERM, and what SIGKILL leaves looks like an operator's. A lock left behind is an annoyance; a lock
 * taken is a lost commit.
 */

export type Removal = {
  /** Paths. */
  readonly removed: string[]
  /** Whether something is the push's, and could not be removed yet. */
  readonly isOwed: boolean
}

/** So many packs are looked through for the one that is kept. */
const maxPacks = 10_000

/** Before git 2.35 without the first part. */
export const quarantineName = /^(?:tmp_objdir-)?incoming-\w+$/

export const shallowName = /^shallow_\w{6}$/

/** Removes what a push has left of which nothing lives any more. */
export async function removeRemains({ gitDir, words }: Noted): Promise<Removal> {
  if (gitDir === undefined) return { removed: [], isOwed: false }
  const commonDir = commonDirOf(gitDir)
  const removed = freePackedRefs(commonDir)
  if (words === undefined) return { removed, isOwed: false }
  const objects = join(commonDir, 'objects')
  const found = [
    ...namedIn(objects, words.quarantine, quarantineName).filter(isFolder),
    ...namedIn(gitDir, words.shallowFile, shallowName).filter((path) => !isFolder(path)),
    ...(await keptPacksOf(objects, words)),
  ]
  const maker = words.pid
  const lives = (path: string) => (maker !== undefined && worksIn(maker, gitDir)) || isInUse(path)
  let isOwed = false
  for (const path of found) {
    if (lives(path)) isOwed = true
    else if (await isRemoved(path)) removed.push(path)
    else isOwed = true
  }
  return { removed, isOwed }
}

/** As git names it, if that is in this folder and this user's: a hook may push to other repositories. */
function namedIn(folder: string, path: string | undefined, pattern: RegExp): string[] {
  if (path === undefined) return []
  const named = resolve(path)
  const found = join(folder, basename(named))
  return pattern.test(basename(named)) && isSameFolder(dirname(named), folder) && isOurs(found) ? [found] : []
}

function isFolder(path: string): boolean {
  return lstatSync(path).isDirectory()
}

function isSameFolder(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other)
  } catch {
    return false // The repository is gone.
  }
}

async function keptPacksOf(objects: string, { keep }: PushWords): Promise<string[]> {
  if (keep === undefined) return []
  const found: string[] = []
  for (const path of await keepFilesIn(objects)) {
    if (isOurs(path) && (await keepReason(path)) === keep) found.push(path)
  }
  return found
}

/** The paths of the packs' `.keep` files. */
export async function keepFilesIn(objects: string): Promise<string[]> {
  const packs = join(objects, 'pack')
  const names = await readdir(packs).catch(() => [])
  return names
    .filter((name) => name.endsWith('.keep'))
    .slice(0, maxPacks)
    .map((name) => join(packs, name))
}

/** Why a pack is kept: `receive-pack <pid> on <host>`, as git writes it. */
export async function keepReason(path: string): Promise<string> {
  await using file = await open(path).catch(() => undefined)
  if (!file) return ''
  const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0)
  return buffer.toString('utf8', 0, bytesRead).replace(/\n$/, '')
}

function isOurs(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.()
}

/** @returns false where it cannot be: the disk or its rights may be mended later */
async function isRemoved(path: string): Promise<boolean> {
  try {
    await rm(path, { recursive: true })
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}
