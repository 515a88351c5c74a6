import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { entriesOf } from './folder-entries.ts'
import type { StatInfo } from './stat-info.ts'

/** Folders of objects that are looked at for one repository: above it a look would take so long that others wait. */
const maxStores = 8

/** Entries of a folder of packs, or of objects. A repository with more belongs repacked. */
const maxEntries = 10_000

/**
 * Takes in which objects a repository has: gitrepository-layout(5), `objects`. An object's name says what is in it, so what
 * can change is only which there are, and the folders that they lie in tell of each that comes or goes. One that is damaged
 * in place, or may not be read any more, is not noticed: what it was is still what its name says.
 *
 * Those of other repositories that it borrows from (`alternates`) are looked at alike, and theirs.
 *
 * @param path the folder: of the repository, or a link to one
 * @returns whether objects of others are used; undefined if there is too much of it, or something that is not understood
 */
export function lookAtObjects(path: string, files: StatInfo): { readonly borrows: boolean } | undefined {
  const stores = new Set([path])
  for (const store of stores) {
    const borrowed = stores.size > maxStores ? undefined : lookAtStore(store, files)
    if (!borrowed) return undefined
    for (const other of borrowed) stores.add(other)
  }
  return { borrows: stores.size > 1 }
}

/** @returns the stores that this one borrows from */
function lookAtStore(store: string, files: StatInfo): readonly string[] | undefined {
  const kind = lookAtFolder(store, files)
  // git does without an alternate that is not there.
  if (kind !== 'folder') return kind === 'absent' ? [] : undefined
  const packs = `${store}/pack`
  const kindOfPacks = lookAtFolder(packs, files)
  if (kindOfPacks === 'unfit' || lookAtFolder(`${packs}/multi-pack-index.d`, files) === 'unfit') return undefined
  // Folders are read after they were looked at: what is added in between then shows in their times.
  const inPacks = kindOfPacks === 'absent' ? [] : entriesOf(packs, maxEntries)
  // A link leads to where nothing is looked at.
  if (!inPacks || inPacks.some((entry) => entry.isSymbolicLink())) return undefined
  const fanOut = entriesOf(store, maxEntries)?.filter(({ name }) => /^[0-9a-f]{2}$/.test(name))
  if (!fanOut?.every(({ name }) => lookAtFolder(`${store}/${name}`, files) === 'folder')) return undefined

  const alternates = `${store}/info/alternates`
  const kindOfAlternates = files.look(alternates)
  if (kindOfAlternates === 'absent') return []
  return kindOfAlternates === 'file' ? storesIn(alternates, store) : undefined
}

/** A folder may be a link to a larger disk: then both are looked at. */
export function lookAtFolder(path: string, files: StatInfo): 'folder' | 'absent' | 'unfit' {
  const kind = files.look(path)
  if (kind === 'folder' || kind === 'absent') return kind
  return kind === 'link' && files.look(`${path}/.`) === 'folder' ? 'folder' : 'unfit'
}

/** As git reads them (parse_alternates in odb.c); undefined with a line whose meaning is not the same in all of its versions. */
function storesIn(alternates: string, store: string): string[] | undefined {
  try {
    const lines = readFileSync(alternates, 'utf8').split('\n')
    const named = lines.filter((line) => line !== '' && !line.startsWith('#'))
    if (named.length > maxStores || named.some(isUnclear)) return undefined
    const base = realpathSync(store)
    return named.map((line) => (line.startsWith('/') ? join(line) : join(base, line)))
  } catch {
    return undefined
  }
}

/** Quoted, not UTF-8, or up from what might be a link. */
function isUnclear(line: string): boolean {
  if (line.startsWith('"') || /[\0\uFFFD]/.test(line)) return true
  const [first, ...rest] = line.replace(/^(?:\.\.?\/)+/, '').split('/')
  return first !== undefined && rest.includes('..')
}
