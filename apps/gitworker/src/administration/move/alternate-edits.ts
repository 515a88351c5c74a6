import { isAbsolute, join, relative } from 'node:path'
import { alternateLines, folderOf, realOr, writeAlternates } from '../lending/alternates.ts'

/*
 * When a repository moves, two kinds of paths change: the relative ones by which it borrows, and those by which others
 * borrow from it. While it moves, the files have the old paths and the new ones, so that whichever leads somewhere is
 * found, even if the host is killed in between:
 *
 *   old ──add──▶ old and new ──the repository moves──▶ old and new ──settle──▶ new
 *                     └── it cannot be moved ──settle──▶ old
 */

/** How the alternates of one repository change. */
export type AlternatesEdit = {
  /** Where the repository is before the move, and after it. For a borrower that stays, both are the same. */
  readonly before: string
  readonly after: string
  readonly oldLines: readonly string[]
  readonly newLines: readonly string[]
}

/** A move of a git directory. Both paths are absolute; nothing is at `to` yet. */
export type Move = { readonly from: string; readonly to: string }

/** @param borrowers the git directories of those that borrow from what is moved */
export function planEdits(move: Move, borrowers: readonly string[]): AlternatesEdit[] {
  return [ownEdit(move), ...borrowers.map((gitDir) => borrowersEdit(move, gitDir))].filter(
    ({ oldLines, newLines }) => oldLines.join('\n') !== newLines.join('\n'),
  )
}

/** Before the move: names the new paths beside the old ones. */
export async function addNewLines({ before, oldLines, newLines }: AlternatesEdit): Promise<void> {
  await writeAlternates(before, [...new Set([...oldLines, ...newLines])])
}

/** After the move, or where it was not made: leaves only the paths that are right. May be called again. */
export async function settleEdit(edit: AlternatesEdit, isMoved: boolean): Promise<void> {
  const gitDir = isMoved ? edit.after : edit.before
  const others = alternateLines(gitDir).filter((line) => !edit.oldLines.includes(line) && !edit.newLines.includes(line))
  await writeAlternates(gitDir, [...(isMoved ? edit.newLines : edit.oldLines), ...others])
}

function ownEdit({ from, to }: Move): AlternatesEdit {
  const oldLines = alternateLines(from)
  const newLines = oldLines.map((line) =>
    // Only a folder of objects that is moved along names its alternates from another place.
    isAbsolute(line) || !isMovedAlong(from) ? line : relative(join(to, 'objects'), realOr(folderOf(line, from))),
  )
  return { before: from, after: to, oldLines, newLines }
}

/** A folder of objects may be a link to a larger disk, which stays where it is. */
function isMovedAlong(gitDir: string): boolean {
  return realOr(join(gitDir, 'objects')) === join(gitDir, 'objects')
}

function borrowersEdit({ from, to }: Move, borrower: string): AlternatesEdit {
  const lent = realOr(join(from, 'objects'))
  const oldLines = alternateLines(borrower)
  const base = realOr(join(borrower, 'objects'))
  const newLines = oldLines.map((line) => {
    const folder = folderOf(line, borrower)
    if (realOr(folder) !== lent || folder !== join(from, 'objects')) return line
    const moved = join(to, 'objects')
    return isAbsolute(line) ? moved : relative(base, moved)
  })
  return { before: borrower, after: borrower, oldLines, newLines }
}
