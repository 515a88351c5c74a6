import { randomUUID } from 'node:crypto'
import { mkdirSync, renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { RunJob } from '../process/job.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { initRepository, placeFor } from './create-repository.ts'
import type { ObjectFormat } from './create-repository.ts'
import { settleHead } from '../repository/default-branch.ts'
import { EmptyRepository } from './empty-repository.ts'
import { NewFolders } from './new-folders.ts'
import { clearNotes, dropNote, hiddenBeside, removeEmpty, takeBack, writeNote } from './take-back.ts'
import type { Note } from './take-back.ts'
import { findRepository, isThere } from '../repository/repository.ts'
import { areAllBelow, conditionOf, contentsOf } from './pristine.ts'
import type { Contents } from './pristine.ts'

/*
 * Repositories that pushes create, by their plain names:
 *
 *                 create()               rename               a visitor leaves something in it
 *      absent ───────────────▶ creating ────────▶ undecided ──────────────────────────────────▶ kept
 *        ▲                        │                   │
 *        │   git or disk says no  │                   │  the last visitor leaves, and it is as it was made
 *        └────────────────────────┴───────────────────┘
 *
 *   absent     There is nothing on disk. A push is shown an empty repository of the supervisor's own.
 *   creating   There are `NAME.git.<uuid>.lock` and a note. Whoever comes now waits for the same creation.
 *   undecided  There are the repository and a note of what was made. It is here for its visitors only: the requests to this
 *              name that are under way. No push to it has left anything yet.
 *   kept       It is a repository like any other: there is no note, and nothing in here could remove it.
 */

/** What this host knows of a name for as long as somebody visits it. */
type Entry = {
  visitors: number
  creating: Promise<Undecided> | undefined
  undecided: Undecided | undefined
  /** Some ids of what the pushes bring that were there when it was created. */
  readonly pushed: string[]
}

type Undecided = { readonly noteFile: string; readonly note: Note & { readonly made: Contents } }

/** A request to a name, from before the repository is looked for until nothing of the request is at work in it. */
export type Visit = AsyncDisposable & {
  /**
   * Makes the repository of this name, or waits for whoever is making it.
   *
   * @param ids of what the push brings
   * @returns whether it was made for this visit
   */
  create(ids: readonly string[]): Promise<boolean>
  /** Takes back what was made in vain, where this is the last visitor. May be called before the visit is disposed of. */
  leave(): Promise<void>
}

/** So often is it tried to create one whose folders are taken back meanwhile. */
const attempts = 3

/** More ids than these are not looked for when a push has failed. */
const maxIds = 200

export class NewRepositories {
  readonly empty: EmptyRepository
  readonly #notes: string
  readonly #root: string
  readonly #format: ObjectFormat
  readonly #runJob: RunJob
  readonly #entries = new Map<string, Entry>()
  readonly #folders = new NewFolders()

  private constructor(empty: EmptyRepository, notes: string, options: NewRepositoriesOptions) {
    this.empty = empty
    this.#notes = notes
    this.#root = options.root
    this.#format = options.format
    this.#runJob = options.runJob
  }

  /** Takes back what an earlier supervisor's first pushes have left, once nothing of that one runs any more. */
  static async open(options: NewRepositoriesOptions): Promise<NewRepositories> {
    const { runFolder, format, runJob, log } = options
    const notes = join(runFolder, 'created')
    mkdirSync(notes, { recursive: true })
    await clearNotes(notes, (gitDir) => settleHead(gitDir, runJob), log)
    return new NewRepositories(await EmptyRepository.open(runFolder, format, runJob), notes, options)
  }

  /** @param record is told where the visit's end takes a repository back, or fails to */
  visit(plainName: string, repository: string, record: Pick<RequestRecord, 'takenBack' | 'tidyError'>): Visit {
    let entry = this.#entries.get(plainName)
    if (!entry)
      this.#entries.set(plainName, (entry = { visitors: 0, creating: undefined, undecided: undefined, pushed: [] }))
    const visited = entry
    visited.visitors++
    let isOver = false
    const leave = async () => {
      if (isOver) return
      isOver = true
      try {
        if (await this.#leave(plainName, visited)) record.takenBack = true
      } catch (error) {
        record.tidyError = error
      }
    }
    const create = (ids: readonly string[]) => {
      visited.pushed.push(...ids.slice(0, maxIds - visited.pushed.length))
      return this.#createOnce(visited, repository)
    }
    return { create, leave, [Symbol.asyncDispose]: leave }
  }

  async #createOnce(entry: Entry, name: string): Promise<boolean> {
    if (entry.creating) {
      await entry.creating
      return false
    }
    if (findRepository(this.#root, name)) return false
    const target = placeFor(this.#root, name)
    // Not with the signal of whoever comes first: others may be waiting for the same.
    entry.creating = this.#create(target)
    try {
      entry.undecided = await entry.creating
      return true
    } catch (error) {
      // Somebody else was faster, who knows nothing of this host: theirs stands.
      if (findRepository(this.#root, name)) return false
      throw error
    } finally {
      entry.creating = undefined
    }
  }

  async #create(target: string): Promise<Undecided> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryToCreate(target)
      } catch (cause) {
        const lostItsFolder = !isThere(dirname(target))
        if (lostItsFolder && attempt < attempts) continue
        throw cause instanceof Refusal ? cause : new Refusal('create_failed', { cause })
      }
    }
  }

  async #tryToCreate(target: string): Promise<Undecided> {
    const noteFile = join(this.#notes, randomUUID())
    const hidden = hiddenBeside(target)
    let folders: readonly string[] = []
    try {
      folders = this.#folders.makeAbove(target)
      writeNote(noteFile, { target, hidden, folders })
      await initRepository(hidden, this.#format, this.#runJob)
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

  /** @returns whether the repository was taken back */
  async #leave(plainName: string, entry: Entry): Promise<boolean> {
    // While this is awaited, it is still a visitor.
    const expected = entry.undecided && (await this.#expectedIn(entry.undecided, entry))
    const isLast = --entry.visitors === 0
    if (isLast) this.#entries.delete(plainName)
    const { undecided } = entry
    if (!undecided || !expected) return false
    const { note, noteFile } = undecided
    if (!isLast) {
      if (conditionOf(note.target, note.made) === 'used') this.#keep(entry, undecided)
      return false
    }
    const isGone = await takeBack(noteFile, { ...note, made: expected })
    if (!isGone) this.#keep(entry, undecided)
    else this.#folders.release(note.folders)
    dropNote(noteFile)
    return isGone
  }

  /** What may be in it if no push has taken effect: what was made, and objects that are proven to be of the pushes. */
  async #expectedIn({ note }: Undecided, { visitors, pushed }: Entry): Promise<Contents> {
    if (visitors > 1 || conditionOf(note.target, note.made) !== 'objects') return note.made
    const now = contentsOf(note.target)
    return (await areAllBelow(note.target, pushed, this.#runJob)) ? now : note.made
  }

  #keep(entry: Entry, { note, noteFile }: Undecided): void {
    entry.undecided = undefined
    this.#folders.keep(note.folders)
    dropNote(noteFile)
  }
}

export type NewRepositoriesOptions = {
  readonly runFolder: string
  /** The real path of the folder below which all repositories lie. */
  readonly root: string
  readonly format: ObjectFormat
  readonly runJob: RunJob
  readonly log: Logger
}
