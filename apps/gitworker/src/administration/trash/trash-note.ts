import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beginningOf } from '../../repository/repository.ts'

/** What the trash says of a deleted repository. Times are ISO 8601. */
export type TrashNote = {
  readonly id: string
  /** The plain name that it had. */
  readonly repository: string
  /** Its folder, relative to the root. */
  readonly folder: string
  /** Its git directory, relative to its folder: empty, or `.git`. */
  readonly gitDir: string
  readonly deletedAt: string
  /** When it is removed for good; null where only an operator does that. */
  readonly keptUntil: string | null
  /** Identifies the folder, whatever its path: what the trash has not moved there itself is never removed. */
  readonly identity: string
  /** Whether other hosts keep it now, and it was in nobody's way. Absent: it was deleted, or nobody else may have it. */
  readonly isDropped?: boolean
  /** Where it is now. Absent: it was deleted, or dropped. */
  readonly renamedTo?: RenamedTo
}

/** What a repository was renamed to, on the disk of which host. */
export type RenamedTo = { readonly name: string; readonly host: string }

/** An entry, and the folder of the repository in it. */
export type TrashEntry = TrashNote & { readonly path: string }

/** How a repository is kept that another host has deleted, too, or keeps now. */
export type Kept = {
  readonly id?: string
  readonly keptUntil: string | null
  readonly isDropped?: true
  readonly renamedTo?: RenamedTo | undefined
}

const name = 'note.json'

/** Three paths and a few words. */
const maxBytes = 64 * 1024

export function writeTrashNote(entry: string, note: TrashNote): void {
  const unfinished = join(entry, `${name}.new`)
  writeFileSync(unfinished, `${JSON.stringify(note, undefined, 2)}\n`, { flush: true })
  renameSync(unfinished, join(entry, name))
}

/** @returns undefined where there is none, or it is none of Sluice's */
export function readTrashNote(entry: string): TrashNote | undefined {
  try {
    const note = JSON.parse(beginningOf(join(entry, name), maxBytes) ?? '') as Partial<TrashNote> | null
    const texts = [note?.id, note?.repository, note?.folder, note?.gitDir, note?.deletedAt, note?.identity]
    const isUntil = note?.keptUntil === null || typeof note?.keptUntil === 'string'
    return texts.every((text) => typeof text === 'string') && isUntil ? (note as TrashNote) : undefined
  } catch {
    return undefined
  }
}
