import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { JobError } from '../process/job.ts'
import type { RunJob } from '../process/job.ts'

const isFolder = 'folder'

/** Listed a moment ago, and gone when it was looked at. */
const isGone = 'gone'

/** What is in a folder: by path, what tells each file from any other, or `folder`. */
export type Contents = Readonly<Record<string, string>>

/**
 * What has become of a repository that was created for a push:
 *
 * - `untouched`: it is as it was made.
 * - `objects`: there are objects in it, besides, as a push leaves them whose references are all refused; or somebody else's.
 * - `unsure`: something unfinished is in it, which may be anybody's, or was in it a moment ago.
 * - `used`: somebody has put something else into it.
 */
export type Condition = 'untouched' | 'objects' | 'unsure' | 'used'

/** Takes in all of a repository that has just been made: some ten entries. */
export function contentsOf(folder: string): Contents {
  return Object.fromEntries(entriesIn(folder))
}

/**
 * Stops at the first thing that decides: where a push has brought a hundred thousand references, one is enough.
 *
 * @param made what was in it when it was made, wherever it was then
 */
export function conditionOf(folder: string, made: Contents): Condition {
  try {
    if (Object.entries(made).some(([name, identity]) => identityOf(join(folder, name)) !== identity)) return 'used'
    let condition: Condition = 'untouched'
    for (const [name, identity] of entriesIn(folder)) {
      const next = made[name] === identity ? 'untouched' : whatIsNew(name, identity)
      if (next === 'used') return next
      if (conditions.indexOf(next) > conditions.indexOf(condition)) condition = next
    }
    return condition
  } catch {
    return 'used' // It is gone, or being changed.
  }
}

const conditions: readonly Condition[] = ['untouched', 'objects', 'unsure', 'used']

/**
 * What is in a folder and below, with paths from there on; the objects last, since there may be many. Other pushes may be at
 * work: what goes meanwhile is `gone`.
 */
function* entriesIn(folder: string, below = ''): Generator<[name: string, identity: string]> {
  const names = namesIn(join(folder, below), below !== '')
  for (const name of names.toSorted((a) => (a === 'objects' ? 1 : -1))) {
    const path = below === '' ? name : `${below}/${name}`
    const identity = identityOf(join(folder, path))
    yield [path, identity]
    if (identity === isFolder) yield* entriesIn(folder, path)
  }
}

function namesIn(folder: string, mayBeGone: boolean): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (mayBeGone && errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Empty folders are nobody's: that of an object, and that of a reference's lock, stay when what was in them has gone. */
function whatIsNew(name: string, identity: string): Condition {
  if (identity === isGone) return 'unsure'
  if (identity === isFolder && folderOfGits.test(name)) return 'untouched'
  if (identity !== isFolder && object.test(name)) return 'objects'
  return isUnfinished(name) ? 'unsure' : 'used'
}

const folderOfGits = /^(?:objects\/[0-9a-f]{2}$|refs\/)/

/** Where git has them: gitrepository-layout(5). */
const object =
  /^objects\/(?:[0-9a-f]{2}\/(?:[0-9a-f]{38}|[0-9a-f]{62})|pack\/pack-(?:[0-9a-f]{40}|[0-9a-f]{64})\.(?:pack|idx|rev))$/

/** Locks, quarantines, temporary packs and lists of shallow commits: of a push that is under way, or of whoever else. */
function isUnfinished(name: string): boolean {
  return /\.(?:lock|keep)$|^objects\/.*(?:tmp_|incoming-)|^shallow_\w{6}$/.test(name)
}

/** A folder's own times tell of locks that came and went. */
function identityOf(path: string): string {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (!found) return isGone
  return found.isDirectory() ? isFolder : `${found.mode} ${found.ino} ${found.size} ${found.mtimeNs}`
}

/**
 * Whether the objects of a repository are all reachable from these ids: then they came with them.
 *
 * @param ids some that a push has named
 */
export async function areAllBelow(gitDir: string, ids: readonly string[], runJob: RunJob): Promise<boolean> {
  const linesOf = async (args: readonly string[]) =>
    (await runJob(['--git-dir', gitDir, ...args])).split('\n').filter(Boolean)
  try {
    const below = new Set(await linesOf(['rev-list', '--objects', '--no-object-names', ...ids, '--']))
    const all = await linesOf(['cat-file', '--batch-all-objects', '--batch-check=%(objectname)'])
    return all.every((id) => below.has(id))
  } catch (error) {
    // One of them is missing, or there are more than can be told apart here.
    if (error instanceof JobError) return false
    throw error
  }
}
