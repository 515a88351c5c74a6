import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { JobError } from '../process/job/job.ts'
import type { RunJob } from '../process/job/job.ts'
import { isKeepName, isLockName, shallowName } from '../repository/git-files.ts'

const isFolder = 'folder'

/** The identity of an entry that was listed, and had gone when it was looked at. */
const isGone = 'gone'

/** What is in a folder, by path: what distinguishes each file from any other, or `folder`. */
export type Contents = Readonly<Record<string, string>>

/**
 * What has become of a repository that was created for a push:
 *
 * - `pristine`: it is as it was made.
 * - `objects`: it also contains objects. A push whose references are all refused leaves some; so may other programs.
 * - `unsure`: it contains something unfinished, or did a moment ago, which may belong to any process.
 * - `used`: a push or another program has put something else into it.
 */
export type Condition = 'pristine' | 'objects' | 'unsure' | 'used'

/** Lists all of a repository. One that has just been made has some ten entries. */
export function contentsOf(folder: string): Contents {
  return Object.fromEntries(entriesIn(folder))
}

/**
 * Stops as soon as the answer is known: of the hundred thousand references that a push has brought, one is enough.
 *
 * @param made what was in it when it was made, which may have been at another path
 */
export function conditionOf(folder: string, made: Contents): Condition {
  try {
    if (Object.entries(made).some(([name, identity]) => identityOf(join(folder, name)) !== identity)) return 'used'
    let condition: Condition = 'pristine'
    for (const [name, identity] of entriesIn(folder)) {
      const next = made[name] === identity ? 'pristine' : whatIsNew(name, identity)
      if (next === 'used') return next
      if (conditions.indexOf(next) > conditions.indexOf(condition)) condition = next
    }
    return condition
  } catch {
    return 'used' // It is gone, or being changed.
  }
}

const conditions: readonly Condition[] = ['pristine', 'objects', 'unsure', 'used']

/**
 * All that is in a folder, with paths relative to it. Objects come last, since there may be many. Other pushes may be at
 * work meanwhile: what they remove is `gone`.
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

/** Empty folders do not count: git leaves them when it removes objects, or the locks of references. */
function whatIsNew(name: string, identity: string): Condition {
  if (identity === isGone) return 'unsure'
  if (identity === isFolder && folderOfGits.test(name)) return 'pristine'
  if (identity !== isFolder && object.test(name)) return 'objects'
  return isUnfinished(name) ? 'unsure' : 'used'
}

const folderOfGits = /^(?:objects\/[0-9a-f]{2}$|refs\/)/

/** Where git puts objects: gitrepository-layout(5). */
const object =
  /^objects\/(?:[0-9a-f]{2}\/(?:[0-9a-f]{38}|[0-9a-f]{62})|pack\/pack-(?:[0-9a-f]{40}|[0-9a-f]{64})\.(?:pack|idx|rev))$/

/** Whether it belongs to something that is under way, which may be a push or anything else. */
function isUnfinished(name: string): boolean {
  return isLockName(name) || isKeepName(name) || shallowName.test(name) || unfinishedObjects.test(name)
}

/** Quarantines and all that is in them, temporary packs, and temporary objects. */
const unfinishedObjects = /^objects\/.*(?:tmp_|incoming-)/

/** The times of a folder change with every lock in it, so they are left out. */
function identityOf(path: string): string {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (!found) return isGone
  return found.isDirectory() ? isFolder : `${found.mode} ${found.ino} ${found.size} ${found.mtimeNs}`
}

/**
 * Whether all objects of a repository can be reached from these ids. If so, they came with these pushes.
 *
 * @param ids some of those that a push has named
 */
export async function areAllReachable(gitDir: string, ids: readonly string[], runJob: RunJob): Promise<boolean> {
  const linesOf = async (args: readonly string[]) =>
    (await runJob(['--git-dir', gitDir, ...args])).split('\n').filter(Boolean)
  try {
    const below = new Set(await linesOf(['rev-list', '--objects', '--no-object-names', ...ids, '--']))
    const all = await linesOf(['cat-file', '--batch-all-objects', '--batch-check=%(objectname)'])
    return all.every((id) => below.has(id))
  } catch (error) {
    // One of the ids is missing, or git's output is too long.
    if (error instanceof JobError) return false
    throw error
  }
}
