import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
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
 */
export async function* repositoriesBelow(root: string): AsyncGenerator<Walked> {
  yield* walk(root, '', new LoopTurn())
}

async function* walk(root: string, below: string, turn: LoopTurn): AsyncGenerator<Walked> {
  for (const entry of await entriesIn(join(root, below))) {
    await turn.letOthers()
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (!isAddressable(path)) continue
    const folder = join(root, path)
    const isRepository = holdsRepository(folder)
    if (isRepository) yield* found(root, path)
    else if (entry.isDirectory()) yield* walk(root, path, turn)
  }
}

/** Folders and links, ordered by the plain names. Empty where the folder cannot be read, or is gone. */
async function entriesIn(folder: string): Promise<Dirent[]> {
  const all = await readdir(folder, { withFileTypes: true }).catch(() => [])
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

function holdsRepository(folder: string): boolean {
  try {
    return isGitDirectory(folder) || isThere(join(folder, '.git'))
  } catch {
    return false // It may not be read.
  }
}

function* found(root: string, path: string): Generator<Walked> {
  const plain = plainName(path)
  const byPlainName = lookUp(root, plain)
  const folder = join(root, path)
  // As a rule. Else it is a link, or stands in the shadow of another whose name differs in its ending.
  const isOwn = byPlainName === folder || byPlainName === join(folder, '.git')
  const gitDir = isOwn ? byPlainName : lookUp(root, path)
  if (gitDir !== undefined) yield { name: gitDir === byPlainName ? plain : path, gitDir }
}

function lookUp(root: string, name: string): string | undefined {
  try {
    return findRepository(root, name)?.gitDir
  } catch {
    return undefined
  }
}
