import { randomUUID } from 'node:crypto'
import { readdirSync, renameSync, rmdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { isAtWorkWith } from '../process/path-in-use.ts'
import { dropNote, readNote, writeNote } from './creation-note.ts'
import type { CreationNote } from './creation-note.ts'
import { conditionOf } from './pristine.ts'
import type { Contents } from './pristine.ts'

/**
 * Removes a repository that was created for a push, unless somebody has put something into it. It is moved out of
 * everybody's reach before it is checked for the last time, and nothing is awaited until then.
 *
 * @returns whether it is gone; if not, it is where it was
 * @throws the file system's errors
 */
export async function takeBack(noteFile: string, note: CreationNote & { readonly made: Contents }): Promise<boolean> {
  const { target, folders, made } = note
  if (conditionOf(target, made) !== 'pristine' || isAtWorkWith(target)) return false
  const hidden = hiddenBeside(target)
  tryToNote(noteFile, { ...note, hidden })
  renameSync(target, hidden)
  if (conditionOf(hidden, made) !== 'pristine') {
    renameSync(hidden, target)
    return false
  }
  tryToNote(noteFile, { target, hidden, folders })
  await rm(hidden, { recursive: true, force: true })
  removeEmpty(folders)
  return true
}

/**
 * Does the same for the note of a supervisor that was killed, when none of its processes lives any more.
 *
 * @param isShared whether other hosts work in the same root: a repository that has its name may be in use there, and stays
 * @returns whether something was removed
 */
export async function takeBackLater(
  noteFile: string,
  { made, ...note }: CreationNote,
  isShared: boolean,
): Promise<boolean> {
  const { target, hidden, folders } = note
  if (!made || conditionOf(hidden, made) === 'pristine') {
    await rm(hidden, { recursive: true, force: true })
    removeEmpty(folders)
    return true
  }
  // It was moved out of reach for the last check. The rename fails if it was not, or if its place has been taken since.
  ignoringErrors(() => renameSync(hidden, target))
  return isShared ? false : await takeBack(noteFile, { ...note, made })
}

/**
 * Does for every note what its supervisor would have done at the end of the push, if it had not been killed.
 *
 * @param settle is called for each repository that stays; undefined where other hosts work in the same root
 */
export async function clearNotes(
  folder: string,
  settle: ((gitDir: string) => Promise<void>) | undefined,
  log: Logger,
): Promise<void> {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    const note = readNote(file)
    try {
      if (note && (await takeBackLater(file, note, settle === undefined))) {
        log.warn({ repository: note.target }, 'removed a repository that an unfinished push had created')
      } else if (note) await settle?.(note.target)
      dropNote(file)
    } catch (error) {
      log.warn(
        { err: error, repository: note?.target },
        'could not see to a repository that an unfinished push had created',
      )
    }
  }
}

/**
 * A name beside `target` that no request can address and nobody else can have: `NAME.<uuid>.lock`. A long NAME is cut,
 * since a file name has at most 255 bytes.
 */
export function hiddenBeside(target: string): string {
  const ending = `.${randomUUID()}.lock`
  const name = Buffer.from(basename(target)).subarray(0, 255 - ending.length)
  // Decoding as a stream leaves out a character that was cut in two.
  return join(dirname(target), new TextDecoder().decode(name, { stream: true }) + ending)
}

/** Removes those of the folders that are empty, the innermost first. */
export function removeEmpty(folders: readonly string[]): void {
  ignoringErrors(() => {
    for (const folder of folders.toReversed()) rmdirSync(folder)
  })
}

/** The repository must be removed on a full disk, too. The note only matters if this supervisor is killed right now. */
function tryToNote(file: string, note: CreationNote): void {
  ignoringErrors(() => writeNote(file, note))
}

function ignoringErrors(act: () => void): void {
  try {
    act()
  } catch {
    // The callers say why.
  }
}
