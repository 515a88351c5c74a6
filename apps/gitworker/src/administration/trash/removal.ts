import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isTrashId } from './trash-id.ts'
import { readTrashNote } from './trash-note.ts'

/** What an entry is called from the first step of its removal on. */
export const goneEnding = '.gone'

/** Removes what a repository has outside of its folder, which is about to be removed. */
export type Discard = (repository: { readonly repository: string; readonly gitDir: string }) => Promise<void>

/**
 * Removes all entries of the trash whose removal has begun.
 *
 * @param held the name of the repository's folder in an entry
 * @param onFailed called with each that stays
 */
export async function removeAllGone(
  trash: string,
  held: string,
  discard: Discard | undefined,
  onFailed: (path: string, error: unknown) => void,
): Promise<void> {
  for (const name of await readdir(trash).catch(() => [])) {
    if (!name.endsWith(goneEnding) || !isTrashId(name.slice(0, -goneEnding.length))) continue
    const path = join(trash, name)
    await removeEntry(path, held, discard).catch((error: unknown) => onFailed(path, error))
  }
}

/**
 * Removes an entry of the trash, and what its repository has elsewhere. The note is the last to go: it says where the git
 * directory is. So a removal that was cut off can be done again.
 *
 * @throws the file system's error, or that of `discard`
 */
export async function removeEntry(entry: string, held: string, discard: Discard | undefined): Promise<void> {
  const note = discard && readTrashNote(entry)
  if (note) await discard({ repository: note.repository, gitDir: join(entry, held, note.gitDir) })
  await rm(join(entry, held), { recursive: true, force: true })
  await rm(entry, { recursive: true, force: true })
}
