import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { identityOfFolder } from '../move/folder-identity.ts'
import { isTrashId, newTrashId } from './trash-id.ts'
import { writeTrashNote } from './trash-note.ts'
import type { Kept, TrashNote } from './trash-note.ts'

/** A repository that is about to be moved into the trash. */
export type Leaving = {
  /** Its plain name. */
  readonly repository: string
  readonly folder: { readonly absolute: string; readonly relative: string }
  /** Relative to its folder. */
  readonly gitDir: string
}

/**
 * Makes an entry of the trash, without its repository.
 *
 * @param keepMs undefined: until it is purged by hand
 * @param kept what another host's trash says of it; otherwise it gets an id of its own, and is kept as long as others
 * @throws the file system's error
 */
export function newEntry(
  trash: string,
  keepMs: number | undefined,
  { repository, folder, gitDir }: Leaving,
  kept: Kept | undefined,
): TrashNote {
  const now = new Date()
  mkdirSync(trash, { recursive: true, mode: 0o700 })
  const id = makeEntry(trash, kept?.id) ?? makeEntry(trash, newTrashId(now))!
  const until = keepMs === undefined ? null : new Date(now.getTime() + keepMs).toISOString()
  const note: TrashNote = {
    id,
    repository,
    folder: folder.relative,
    gitDir,
    deletedAt: now.toISOString(),
    keptUntil: kept ? kept.keptUntil : until,
    identity: identityOfFolder(folder.absolute) ?? '',
    ...(kept?.isDropped && { isDropped: true }),
    ...(kept?.renamedTo && { renamedTo: kept.renamedTo }),
  }
  writeTrashNote(join(trash, id), note)
  return note
}

/** @returns undefined where there is one, or no id is given */
function makeEntry(trash: string, id: string | undefined): string | undefined {
  if (id === undefined || !isTrashId(id)) return undefined
  try {
    mkdirSync(join(trash, id), { mode: 0o700 })
    return id
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined
    throw error
  }
}
