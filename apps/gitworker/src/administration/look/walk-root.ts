import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { checkRepositoryName, plainName } from '@sluice/shared/git/repository-name'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { findRepository, isGitDirectory, isThere } from '../../repository/repository.ts'

/** A repository below the root, as a request would find it. */
export type Walked = {
  /** Its plain name; or one that ends in `.git`, where the plain one leads to another repository. */
  readonly name: string
  readonly gitDir: string
}

/**
 * All repositories that can be addressed, folder by folder, in the order of their names. What lies inside a repository is
 * not looked at. A link is followed only where it leads to a repository below the root.
 *
 * @param root the real path of the folder below which all repositories lie
 * @param onUnreadable called with the path of a folder in which there may be more
 */
export async function* repositoriesBelow(root: string, onUnreadable: OnUnreadable = () => {}): AsyncGenerator<Walked> {
  yield* walk({ root, isAll: false, onUnreadable: ofSluice(onUnreadable), turn: new LoopTurn() }, '')
}

/**
 * The same with those that no request can address, such as in folders whose names begin with a dot. What no name leads to is
 * called by its path.
 *
 * @param onUnreadable called with the path of a folder in which there may be more
 */
export async function* allRepositoriesBelow(root: string, onUnreadable: OnUnreadable): AsyncGenerator<Walked> {
  yield* walk({ root, isAll: true, onUnreadable: ofSluice(onUnreadable), turn: new LoopTurn() }, '')
}

/** What fsck(8) finds is root's, and nobody's repository. */
function ofSluice(onUnreadable: OnUnreadable): OnUnreadable {
  return (path, error) => basename(path) !== 'lost+found' && onUnreadable(path, error)
}

export type OnUnreadable = (path: string, error: unknown) => void

type Walk = {
  readonly root: string
  readonly isAll: boolean
  readonly onUnreadable: OnUnreadable
  readonly turn: LoopTurn
}

async function* walk(how: Walk, below: string): AsyncGenerator<Walked> {
  const { root, isAll, onUnreadable, turn } = how
  for (const entry of await entriesIn(join(root, below), onUnreadable)) {
    await turn.letOthers()
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    const folder = join(root, path)
    const canBeAddressed = isAddressable(path)
    if (!canBeAddressed && !(isAll && entry.isDirectory())) continue
    if (!canBeAddressed && isRepositoryItself(folder, onUnreadable)) yield { name: path, gitDir: folder }
    else if (canBeAddressed && holdsRepository(folder, onUnreadable)) yield* found(root, path, onUnreadable)
    else if (entry.isDirectory()) yield* walk(how, path)
  }
}

/** Folders and links, ordered by the plain names. Empty where the folder cannot be read, or is gone. */
async function entriesIn(folder: string, onUnreadable: OnUnreadable): Promise<Dirent[]> {
  const all = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) onUnreadable(folder, error)
    return []
  })
  return all
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map((entry) => ({ entry, key: plainName(entry.name) }))
    .toSorted((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0))
    .map(({ entry }) => entry)
}

/** Nothing else can be asked for: what Sluice keeps in the root has names that end in `.lock`. */
function isAddressable(path: string): boolean {
  try {
    checkRepositoryName(path)
    return !/(?:^|\/)\.git$/i.test(path)
  } catch {
    return false
  }
}

function holdsRepository(folder: string, onUnreadable: OnUnreadable): boolean {
  return whereReadable(() => isGitDirectory(folder) || isThere(join(folder, '.git')), folder, onUnreadable) ?? false
}

function isRepositoryItself(folder: string, onUnreadable: OnUnreadable): boolean {
  return whereReadable(() => isGitDirectory(folder), folder, onUnreadable) ?? false
}

function* found(root: string, path: string, onUnreadable: OnUnreadable): Generator<Walked> {
  const lookUp = (name: string) =>
    whereReadable(() => findRepository(root, name)?.gitDir, join(root, path), onUnreadable)
  const plain = plainName(path)
  const byPlainName = lookUp(plain)
  const folder = join(root, path)
  // As a rule. Else it is a link, or stands in the shadow of another whose name differs in its ending.
  const isOwn = byPlainName === folder || byPlainName === join(folder, '.git')
  const gitDir = isOwn ? byPlainName : lookUp(path)
  if (gitDir !== undefined) yield { name: gitDir === byPlainName ? plain : path, gitDir }
}

/** Undefined if it may not be read. */
function whereReadable<T>(look: () => T, folder: string, onUnreadable: OnUnreadable): T | undefined {
  try {
    return look()
  } catch (error) {
    onUnreadable(folder, error)
    return undefined
  }
}
