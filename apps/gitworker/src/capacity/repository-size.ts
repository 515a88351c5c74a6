import { lstatSync, opendirSync, statSync } from 'node:fs'
import type { BigIntStats, Dir } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'

/*
 * The size of a repository's objects: its packs with their indexes, and its loose objects. What it borrows from others
 * does not count, and neither does what is not finished (quarantines, temporary packs).
 *
 * A folder of objects that is as it was is not read again: its times change with every file that comes or goes. So a
 * push costs a look at each of at most 257 folders, and at files of those that have changed, 64 or so in each. If a
 * folder has more, the others are taken to be as large on average.
 */

/** How many files of one folder are looked at. A repository with more should be repacked. */
const maxLoose = 64
const maxPacks = 4000

/** At most so many are counted at all: a folder with more is not read to its end. */
const maxEntries = 20_000

const maxRepositories = 1000

/** A folder of objects as it was read. Undefined identity: it had just changed, and is read again the next time. */
type Folder = { readonly identity: string | undefined; readonly bytes: number }

/** A folder that changed more recently may change again within one tick of its clock. */
const racyMs = 2000

/** The sizes of repositories' objects, in bytes. */
export class RepositorySizes {
  readonly #known = new LRUCache<string, ReadonlyMap<string, Folder>>({ max: maxRepositories })

  /**
   * @param objects the repository's folder of objects, or a link to it
   * @returns 0 where there is none
   */
  async of(objects: string): Promise<number> {
    const turn = new LoopTurn()
    const before = this.#known.get(objects)
    const now = new Map<string, Folder>()
    for (const name of namesIn(objects).filter((entry) => folders.test(entry))) {
      await turn.letOthers()
      const most = name === 'pack' ? maxPacks : maxLoose
      const folder = await sizeOf(join(objects, name), most, before?.get(name), turn)
      if (folder) now.set(name, folder)
    }
    this.#known.set(objects, now)
    return now.values().reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

async function sizeOf(
  path: string,
  most: number,
  known: Folder | undefined,
  turn: LoopTurn,
): Promise<Folder | undefined> {
  const found = statOf(path, statSync)
  if (!found?.isDirectory()) return undefined
  const identity = `${found.dev} ${found.ino} ${found.mtimeNs} ${found.ctimeNs}`
  if (known?.identity === identity) return known
  const isRacy = Number(found.mtimeNs / 1_000_000n) > Date.now() - racyMs
  return { identity: isRacy ? undefined : identity, bytes: await sumOf(path, most, turn) }
}

/** Packs, and the 256 folders of loose objects: gitrepository-layout(5). */
const folders = /^(?:pack|[0-9a-f]{2})$/

async function sumOf(path: string, most: number, turn: LoopTurn): Promise<number> {
  const names = namesIn(path)
  const looked = names.slice(0, most)
  let bytes = 0
  for (const name of looked) {
    await turn.letOthers()
    const found = statOf(join(path, name), lstatSync)
    if (found?.isFile()) bytes += Number(found.size)
  }
  return looked.length === 0 ? 0 : Math.round((bytes * names.length) / looked.length)
}

/** The finished files, as far as the folder is read. */
function namesIn(path: string): string[] {
  let folder: Dir | undefined
  try {
    folder = opendirSync(path, { bufferSize: 256 })
    const names: string[] = []
    for (let entry; names.length < maxEntries && (entry = folder.readSync());) {
      if (!/^\.?tmp_/.test(entry.name)) names.push(entry.name)
    }
    return names
  } catch {
    return []
  } finally {
    folder?.closeSync()
  }
}

/** Undefined for what is not there, or cannot be looked at. */
function statOf(path: string, look: typeof statSync): BigIntStats | undefined {
  try {
    return look(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
