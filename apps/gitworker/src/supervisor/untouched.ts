import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join, sep } from 'node:path'
import { isLive, processes } from '../process-table.ts'

/** What is in a folder: by path, what tells each file from any other, or `folder`. */
export type Contents = Readonly<Record<string, string>>

/**
 * What has become of a repository that was created for a push:
 *
 * - `untouched`: it is as it was made, except for what a push that failed leaves, which are objects without a reference.
 * - `unsure`: something unfinished is in it, which may be anybody's.
 * - `used`: somebody has put something into it.
 */
export type Condition = 'untouched' | 'unsure' | 'used'

/** Takes in all of a repository that has just been made: some ten entries. */
export function contentsOf(folder: string): Contents {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return Object.fromEntries(names.map((name) => [name, identityOf(join(folder, name))]))
}

/** @param made what was in it when it was made, wherever it was then */
export function conditionOf(folder: string, made: Contents): Condition {
  let condition: Condition = 'untouched'
  let now: Contents
  try {
    now = contentsOf(folder)
  } catch {
    return 'used' // It is gone, or being changed.
  }
  for (const [name, identity] of Object.entries(now)) {
    if (made[name] === identity || isOfAFailedPush(name, identity)) continue
    if (!isUnfinished(name)) return 'used'
    condition = 'unsure'
  }
  return Object.keys(made).every((name) => name in now) ? condition : 'used'
}

/** Objects, in the places that git has for them (gitrepository-layout(5)), and folders that a reference's lock was in. */
function isOfAFailedPush(name: string, identity: string): boolean {
  return identity === 'folder' ? /^(?:objects\/[0-9a-f]{2}$|refs\/)/.test(name) : object.test(name)
}

const object =
  /^objects\/(?:[0-9a-f]{2}\/(?:[0-9a-f]{38}|[0-9a-f]{62})|pack\/pack-(?:[0-9a-f]{40}|[0-9a-f]{64})\.(?:pack|idx|rev))$/

/** Locks, quarantines and temporary packs: of a push that is under way, or of whoever else. */
function isUnfinished(name: string): boolean {
  return /\.(?:lock|keep)$|^objects\/.*(?:tmp_|incoming-)/.test(name)
}

/** A folder's own times tell of locks that came and went. */
function identityOf(path: string): string {
  const found = lstatSync(path, { bigint: true })
  return found.isDirectory() ? 'folder' : `${found.mode} ${found.ino} ${found.size} ${found.mtimeNs}`
}

/** Whether a process works in this folder, as git does in the repository that it serves. */
export function isSomebodyIn(folder: string): boolean {
  return processes().some((process) => isLive(process) && isIn(folder, workingFolderOf(process.pid)))
}

function isIn(folder: string, path: string | undefined): boolean {
  return path !== undefined && (path === folder || path.startsWith(folder + sep))
}

function workingFolderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined // It ended while we looked, or is another user's.
  }
}
