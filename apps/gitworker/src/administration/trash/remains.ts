import { join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { isThere } from '../../repository/repository.ts'
import { goneEnding } from './removal.ts'
import { readTrashNote } from './trash-note.ts'

/**
 * Whether something of a repository may be left of an entry of the trash that cannot be restored.
 *
 * @param held the name of the repository's folder in an entry
 * @throws {Refusal} `operation_failed` where there is a folder that nobody knows to be this repository;
 *   `repository_unreadable` where that cannot be known
 */
export function mayRemain(entry: string, held: string, repository: string): boolean {
  const gone = `${entry}${goneEnding}`
  // The note is the last to go. Without it, no more than an empty folder is left.
  if (isThere(gone)) return (readTrashNote(gone)?.repository ?? repository) === repository
  if (!isThere(join(entry, held))) return false
  const note = readTrashNote(entry)
  if (note && note.repository !== repository) return false
  const sentence = `${join(entry, held)} is not the folder that was moved there: it may have been copied, or restored from a backup. Look at it, and remove it by hand.`
  throw new Refusal('operation_failed', { sentence })
}
