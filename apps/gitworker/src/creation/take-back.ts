import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { isAtWorkWith } from '../process/path-in-use.ts'
import { conditionOf } from './pristine.ts'
import type { Contents } from './pristine.ts'

/*
 * What is made on disk for a first push, and how it is taken back where it was made in vain. A note in the runtime
 * directory says at every step what is there, so that the next supervisor can take it back if this one is killed.
 */

/** What a note says. All paths are absolute, and of what this host has made. */
export type Note = {
  readonly target: string
  /** A folder beside it with a name of our own. Without `made` it is unfinished, or was being removed. */
  readonly hidden: string
  /** The folders that were made on the way, the outermost first. */
  readonly folders: readonly string[]
  /** What was in the repository when it was whole, before it got its name. */
  readonly made?: Contents
}

/**
 * A name beside `target` that no request can address, and that nobody else can have: `NAME.<uuid>.lock`. A long NAME is
 * cut, since a file name has 255 bytes.
 */
export function hiddenBeside(target: string): string {
  const ending = `.${randomUUID()}.lock`
  const name = Buffer.from(basename(target)).subarray(0, 255 - ending.length)
  // Not cut within a character.
  return join(dirname(target), new TextDecoder().decode(name, { stream: true }) + ending)
}

/** Writes a note, as a whole or not at all. */
export function writeNote(file: string, note: Note): void {
  const unfinished = `${file}.new`
  writeFileSync(unfinished, JSON.stringify(note))
  renameSync(unfinished, file)
}

/**
 * Takes back a repository that was made for a push, unless somebody has something in it. It goes out of everybody's reach
 * before it is looked at for the last time, and nothing is awaited until then.
 *
 * @returns whether it is gone; else it is where it was
 * @throws where the disk says no
 */
export async function takeBack(noteFile: string, note: Note & { readonly made: Contents }): Promise<boolean> {
  const { target, folders, made } = note
  if (conditionOf(target, made) !== 'untouched' || isAtWorkWith(target)) return false
  const hidden = hiddenBeside(target)
  tryToNote(noteFile, { ...note, hidden })
  renameSync(target, hidden)
  if (conditionOf(hidden, made) !== 'untouched') {
    renameSync(hidden, target)
    return false
  }
  tryToNote(noteFile, { target, hidden, folders })
  await rm(hidden, { recursive: true, force: true })
  removeEmpty(folders)
  return true
}

/**
 * The same for the note of a supervisor that was killed, and of whose processes none is left.
 *
 * @returns whether something was taken back
 */
export async function takeBackLater(noteFile: string, { made, ...note }: Note): Promise<boolean> {
  const { target, hidden, folders } = note
  if (!made || conditionOf(hidden, made) === 'untouched') {
    await rm(hidden, { recursive: true, force: true })
    removeEmpty(folders)
    return true
  }
  // It was out of reach, to be looked at for the last time. This fails where there is nothing, or something else by now.
  tryTo(() => renameSync(hidden, target))
  return await takeBack(noteFile, { ...note, made })
}

/**
 * Does for all notes what their supervisor would have done at the end of each push, if it had not been killed.
 *
 * @param settle is called with the repositories that are there to stay
 */
export async function clearNotes(
  folder: string,
  settle: (gitDir: string) => Promise<void>,
  log: Logger,
): Promise<void> {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    const note = noteIn(file)
    try {
      if (note && (await takeBackLater(file, note))) {
        log.warn({ repository: note.target }, 'removed a repository that an unfinished push had created')
      } else if (note) await settle(note.target)
      dropNote(file)
    } catch (error) {
      log.warn(
        { err: error, repository: note?.target },
        'could not see to a repository that an unfinished push had created',
      )
    }
  }
}

function noteIn(file: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Note
  } catch {
    return undefined // Cut short, before anything was made.
  }
}

/** Removes those of these folders that are empty, from the innermost on. */
export function removeEmpty(folders: readonly string[]): void {
  tryTo(() => {
    for (const folder of folders.toReversed()) rmdirSync(folder)
  })
}

export function dropNote(file: string): void {
  rmSync(file, { force: true })
}

/** On a full disk, of all times, what was made in vain must go. The note only matters if this supervisor is killed now. */
function tryToNote(file: string, note: Note): void {
  tryTo(() => writeNote(file, note))
}

function tryTo(act: () => void): void {
  try {
    act()
  } catch {
    // As the caller says.
  }
}
