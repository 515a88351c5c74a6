import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { entriesOf } from './folder-entries.ts'
import type { StatInfo } from './stat-info.ts'

/** Folders of objects for one repository. A look at more of them would keep other requests waiting. */
const maxStores = 8

/** Entries of a folder of packs, or of objects. A repository with more should be repacked. */
const maxEntries = 10_000

/**
 * Looks at which objects a repository has: gitrepository-layout(5), `objects`. The name of an object is the hash of its
 * content, so that only its existence can change; and each one that comes or goes changes the times of its folder. An object
 * that is damaged in place, or can no longer be read, is not noticed. Its name still stands for what it was.
 *
 * The repositories from which it borrows objects (`alternates`) are looked at in the same way, and those from which they
 * borrow.
 *
 * @param path the repository's folder of objects, or a link to one
 * @returns whether it borrows objects; undefined if there is too much, or something that is not understood
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

/** @returns the stores from which this one borrows */
function lookAtStore(store: string, files: StatInfo): readonly string[] | undefined {
  const kind = lookAtFolder(store, files)
  // git ignores an alternate that does not exist.
  if (kind !== 'folder') return kind === 'absent' ? [] : undefined
  const packs = `${store}/pack`
  const kindOfPacks = lookAtFolder(packs, files)
  if (kindOfPacks === 'unfit' || lookAtFolder(`${packs}/multi-pack-index.d`, files) === 'unfit') return undefined
  // Folders are read after they were looked at: anything that is added in between shows in their times.
  const inPacks = kindOfPacks === 'absent' ? [] : entriesOf(packs, maxEntries)
  // A link leads to files that are not looked at.
  if (!inPacks || inPacks.some((entry) => entry.isSymbolicLink())) return undefined
  const fanOut = entriesOf(store, maxEntries)?.filter(({ name }) => /^[0-9a-f]{2}$/.test(name))
  if (!fanOut?.every(({ name }) => lookAtFolder(`${store}/${name}`, files) === 'folder')) return undefined

  const alternates = `${store}/info/alternates`
  const kindOfAlternates = files.look(alternates)
  if (kindOfAlternates === 'absent') return []
  return kindOfAlternates === 'file' ? storesIn(alternates, store) : undefined
}

/** A folder may be a link to a larger disk. Then both are looked at. */
export function lookAtFolder(path: string, files: StatInfo): 'folder' | 'absent' | 'unfit' {
  const kind = files.look(path)
  if (kind === 'folder' || kind === 'absent') return kind
  return kind === 'link' && files.look(`${path}/.`) === 'folder' ? 'folder' : 'unfit'
}

/** Reads them as git does (parse_alternates in odb.c). Undefined if a line does not mean the same to all versions of git. */
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

/** Whether it is quoted, is not UTF-8, or leads upwards from what may be a link. */
function isUnclear(line: string): boolean {
  if (line.startsWith('"') || /[\0\uFFFD]/.test(line)) return true
  const [first, ...rest] = line.replace(/^(?:\.\.?\/)+/, '').split('/')
  return first !== undefined && rest.includes('..')
}
