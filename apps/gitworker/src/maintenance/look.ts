import { lstat, opendir, readdir } from 'node:fs/promises'
import type { Dirent } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { isLockName } from '../repository/git-files.ts'

/** The most entries of one folder of packs that are looked at. A repository with more is full of packs in any case. */
const maxPackEntries = 20_000

/** The most names below `refs` that are counted. */
const maxRefEntries = 20_000

/** Objects are named by hashes, so each of the 256 folders has the same share of them. git itself looks at one (gc.c). */
const sampledFolders = 16

/** One pack of a repository's own. */
export type PackLook = {
  readonly name: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly changedAt: number
  /** Whether a `.keep` file forbids to repack it. */
  readonly isKept: boolean
  /** Whether it holds what no reference needs, with the time of each object in a `.mtimes` file (git 2.37). */
  readonly isCruft: boolean
}

/** What a repository's folders show. None of it is read from inside of a file. */
export type RepositoryLook = {
  readonly packs: readonly PackLook[]
  /** Whether there is a pack without an index, which git before 2.41 takes for an error when it writes a cruft pack. */
  readonly hasStrayPack: boolean
  /** Estimated from a sixteenth of them. */
  readonly looseObjects: number
  /** Bytes of the loose objects, estimated. */
  readonly looseBytes: number
  /** Files below `refs`, locks left out. */
  readonly looseRefs: number
  /** Whether there is a bitmap, of one pack or of several. */
  readonly hasBitmap: boolean
  readonly hasReflogs: boolean
  /** Whether it borrows objects from another repository. */
  readonly borrows: boolean
  /** Whether some objects are elsewhere: git marks the packs of a partial clone by `.promisor` files. */
  readonly isPartial: boolean
  /** Whether references are in tables (reftable), which git keeps in shape by itself. */
  readonly hasReftable: boolean
}

/**
 * Looks at what maintenance decides by. Costs some dozen system calls and no process, whatever the repository's size.
 *
 * @param gitDir the common directory of a repository: absolute, free of symbolic links
 * @throws an error of the file system if the repository is gone or cannot be read
 */
export async function lookAtRepository(gitDir: string): Promise<RepositoryLook> {
  const objects = join(gitDir, 'objects')
  const packEntries = await namesIn(join(objects, 'pack'), maxPackEntries)
  const packs = await packsAmong(join(objects, 'pack'), packEntries)
  const { count, bytes } = await looseObjectsIn(objects)
  const hasReftable = await isThere(join(gitDir, 'reftable/tables.list'))
  return {
    packs,
    hasStrayPack: hasStrayPack(packEntries),
    looseObjects: count,
    looseBytes: bytes,
    looseRefs: hasReftable ? 0 : await countRefs(join(gitDir, 'refs')),
    hasBitmap: packEntries.some((name) => name.endsWith('.bitmap')),
    hasReflogs: await isThere(join(gitDir, 'logs')),
    isPartial: packEntries.some((name) => name.endsWith('.promisor')),
    borrows: await isThere(join(objects, 'info/alternates')),
    hasReftable,
  }
}

async function packsAmong(folder: string, names: readonly string[]): Promise<PackLook[]> {
  const all = new Set(names)
  const looks = names
    .filter((name) => /^[^.].*\.pack$/.test(name))
    .map(async (name): Promise<PackLook | undefined> => {
      const found = await statOrNothing(join(folder, name))
      const base = name.slice(0, -'.pack'.length)
      if (!found || !all.has(`${base}.idx`)) return undefined
      return {
        name: base,
        bytes: found.size,
        changedAt: found.mtimeMs,
        isKept: all.has(`${base}.keep`),
        isCruft: all.has(`${base}.mtimes`),
      }
    })
  return (await Promise.all(looks)).filter((look) => look !== undefined)
}

function hasStrayPack(names: readonly string[]): boolean {
  const all = new Set(names)
  return names.some((name) => name.endsWith('.pack') && !all.has(`${name.slice(0, -'.pack'.length)}.idx`))
}

async function looseObjectsIn(objects: string): Promise<{ count: number; bytes: number }> {
  let count = 0
  let bytes = 0
  for (let index = 0; index < sampledFolders; index++) {
    const folder = join(objects, (index * (256 / sampledFolders)).toString(16).padStart(2, '0'))
    const names = (await namesIn(folder, maxPackEntries)).filter((name) => /^[0-9a-f]{38,62}$/.test(name))
    count += names.length
    const [first] = names
    const found = first === undefined ? undefined : await statOrNothing(join(folder, first))
    bytes += (found?.size ?? 0) * names.length
  }
  const share = 256 / sampledFolders
  return { count: count * share, bytes: bytes * share }
}

async function countRefs(refs: string): Promise<number> {
  let files = 0
  let entries = 0
  try {
    for await (const entry of await opendir(refs, { recursive: true })) {
      if (++entries > maxRefEntries) break
      if (isReference(entry)) files++
    }
  } catch (error) {
    // A folder that a deletion has just removed.
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  return files
}

function isReference(entry: Dirent): boolean {
  return entry.isFile() && !isLockName(entry.name)
}

async function namesIn(folder: string, most: number): Promise<string[]> {
  try {
    return (await readdir(folder)).slice(0, most)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await statOrNothing(path)) !== undefined
}

async function statOrNothing(path: string) {
  try {
    return await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
