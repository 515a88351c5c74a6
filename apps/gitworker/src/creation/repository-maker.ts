import { randomUUID } from 'node:crypto'
import { renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RefStorage } from '../git/repository-config.ts'
import type { RunJob } from '../process/job/job.ts'
import { isThere } from '../repository/repository.ts'
import { initRepository } from './create-repository.ts'
import type { ObjectFormat } from './create-repository.ts'
import { creationRefusal } from './creation-refusal.ts'
import { dropNote, writeNote } from './creation-note.ts'
import type { CreationNote } from './creation-note.ts'
import { NewFolders } from './new-folders.ts'
import { contentsOf } from './pristine.ts'
import type { Contents } from './pristine.ts'
import { syncMade } from './sync-made.ts'
import { hiddenBeside, removeEmpty, takeBack } from './take-back.ts'

/*
 * The steps on disk by which a repository is created for a push, and then kept or taken back. A note (creation-note.ts)
 * says at every step what there is.
 *
 *   note ─▶ NAME.git.<uuid>.lock is initialised ─▶ note with its contents ─▶ renamed to NAME.git ─┬─▶ kept: no note
 *                                                                                                 └─▶ taken back
 */

/** How often creating a repository is tried. A try fails if the folders above the repository are removed meanwhile. */
const attempts = 3

/** A repository that has been created, and that may still be taken back. */
export type Provisional = { readonly noteFile: string; readonly note: CreationNote & { readonly made: Contents } }

/** Puts something into a repository that has been initialised, before it gets its name. */
export type Furnish = (hidden: string) => Promise<void>

export type Making = {
  /** The maker's own by default. */
  readonly format?: ObjectFormat
  /** git's own by default. */
  readonly refStorage?: RefStorage
  readonly furnish?: Furnish
}

const nothing: Furnish = async () => {}

export class RepositoryMaker {
  readonly #notes: string
  readonly #format: ObjectFormat
  readonly #runJob: RunJob
  readonly #folders = new NewFolders()

  /** @param notes the folder for notes */
  constructor(notes: string, format: ObjectFormat, runJob: RunJob) {
    this.#notes = notes
    this.#format = format
    this.#runJob = runJob
  }

  /** @throws {Refusal} `create_failed`, `disk_full`, or where there is no worker for it */
  async make(
    target: string,
    { format = this.#format, refStorage, furnish = nothing }: Making = {},
  ): Promise<Provisional> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryToMake(target, format, furnish, refStorage)
      } catch (cause) {
        const lostItsFolder = !isThere(dirname(target))
        if (lostItsFolder && attempt < attempts) continue
        throw creationRefusal(cause)
      }
    }
  }

  /**
   * Takes it back if it holds no more than is expected, and else keeps it.
   *
   * @returns whether it was taken back
   */
  async takeBack({ note, noteFile }: Provisional, expected: Contents): Promise<boolean> {
    const isGone = await takeBack(noteFile, { ...note, made: expected })
    if (isGone) this.#folders.release(note.folders)
    else this.#folders.keep(note.folders)
    dropNote(noteFile)
    return isGone
  }

  /** From now on it is a repository like any other. */
  keep({ note, noteFile }: Provisional): void {
    this.#folders.keep(note.folders)
    dropNote(noteFile)
  }

  async #tryToMake(
    target: string,
    format: ObjectFormat,
    furnish: Furnish,
    refStorage: RefStorage | undefined,
  ): Promise<Provisional> {
    const noteFile = join(this.#notes, randomUUID())
    const hidden = hiddenBeside(target)
    let folders: readonly string[] = []
    try {
      folders = this.#folders.makeAbove(target)
      writeNote(noteFile, { target, hidden, folders })
      await initRepository(hidden, format, this.#runJob, refStorage)
      await furnish(hidden)
      await syncMade(hidden)
      const note = { target, hidden, folders, made: contentsOf(hidden) }
      writeNote(noteFile, note)
      renameSync(hidden, target)
      return { noteFile, note }
    } catch (error) {
      await rm(hidden, { recursive: true, force: true })
      removeEmpty(folders)
      this.#folders.release(folders)
      dropNote(noteFile)
      throw error
    }
  }
}
