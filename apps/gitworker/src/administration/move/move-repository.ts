import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { makeFoldersAbove } from '../../creation/new-folders.ts'
import { removeEmpty } from '../../creation/take-back.ts'
import { borrowedFolders, realOr } from '../lending/alternates.ts'
import { addNewLines, planEdits } from './alternate-edits.ts'
import type { AlternatesEdit } from './alternate-edits.ts'
import { identityOfFolder, isIdentityOf } from './folder-identity.ts'
import { settle } from './move-notes.ts'
import type { MoveNotes } from './move-notes.ts'

/** A move of a repository's folder, which no request and no other operation uses. */
export type FolderMove = {
  readonly folder: string
  readonly target: string
  /** The git directory, which is the folder or lies in it. */
  readonly gitDir: string
  /** The git directories of those that borrow objects from it. No request uses them either. */
  readonly borrowers: readonly string[]
}

/**
 * Moves a repository with one rename(2). Those that borrow from it, or that it borrows from, are found before and after,
 * and at no time is the only path that they have a wrong one.
 *
 * @param checkTarget called right before the rename; throws where something is at the target
 * @throws {Refusal} `not_movable`, `operation_failed`, or what `checkTarget` throws; then all is as it was
 */
export async function moveRepository(
  { folder, target, gitDir, borrowers }: FolderMove,
  notes: MoveNotes,
  checkTarget: () => void,
): Promise<string> {
  const newGitDir = join(target, gitDir.slice(folder.length))
  const edits = planEdits({ from: gitDir, to: newGitDir }, borrowers)
  const expected = new Map(borrowers.map((borrower) => [borrower, borrowedFolders(borrower).length]))
  const move = { target, identity: identityOfFolder(folder) ?? '', edits }
  const note = notes.write(move)
  let made: readonly string[] = []
  try {
    for (const edit of edits) await addNewLines(edit)
    checkTarget()
    made = makeFoldersAbove(target)
    renameSync(folder, target)
    notes.moves++
    await settle(move)
    prove(newGitDir, edits, expected)
  } catch (error) {
    if (isIdentityOf(move.identity, target)) renameSync(target, folder)
    await settle(move)
    note.drop()
    removeEmpty(made)
    throw refusalFor(error)
  }
  note.drop()
  return newGitDir
}

/** Each borrower must find as many folders of objects as before, the moved one among them; and so must what was moved. */
function prove(gitDir: string, edits: readonly AlternatesEdit[], expected: ReadonlyMap<string, number>): void {
  for (const { after } of edits) {
    const folders = borrowedFolders(after)
    const isWhole = folders.every((path) => existsSync(path))
    const objects = realOr(join(gitDir, 'objects'))
    const findsIt = after === gitDir || (folders.includes(objects) && folders.length === expected.get(after))
    if (!isWhole || !findsIt) throw new Error(`${after} would not find the objects that it borrows.`)
  }
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (errnoOf(error) === 'EXDEV') {
    const sentence = 'This repository cannot be moved: it lies on another disk than the place for it. Move it by hand.'
    return new Refusal('not_movable', { sentence, cause: error })
  }
  return new Refusal('operation_failed', { cause: error })
}
