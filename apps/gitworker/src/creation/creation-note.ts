import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Contents } from './pristine.ts'

/*
 * What is on disk of a repository that is created for a push. A note in the runtime directory says so at every step, so
 * that the next supervisor can take the repository back if this one is killed.
 */

/** All paths are absolute, and name what this host has made. */
export type CreationNote = {
  readonly target: string
  /** A folder beside the target, under a name of our own. Without `made` it is unfinished, or was being removed. */
  readonly hidden: string
  /** The folders that were made above it, the outermost first. */
  readonly folders: readonly string[]
  /** What was in the repository when it was complete, before it got its name. */
  readonly made?: Contents
}

/** Writes a note, completely or not at all. */
export function writeNote(file: string, note: CreationNote): void {
  const unfinished = `${file}.new`
  writeFileSync(unfinished, JSON.stringify(note))
  renameSync(unfinished, file)
}

/** @returns undefined for a note that was not finished: then nothing has been made yet */
export function readNote(file: string): CreationNote | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as CreationNote
  } catch {
    return undefined
  }
}

export function dropNote(file: string): void {
  rmSync(file, { force: true })
}
