import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { RequestRecord } from '../operations/request-record.ts'
import type { RunJob } from '../process/job/job.ts'
import { settleHead } from '../repository/default-branch.ts'
import { findRepository } from '../repository/repository.ts'
import { placeFor } from './create-repository.ts'
import type { ObjectFormat } from './create-repository.ts'
import { EmptyRepository } from './empty-repository.ts'
import { areAllReachable, conditionOf, contentsOf } from './pristine.ts'
import type { Contents } from './pristine.ts'
import { RepositoryMaker } from './repository-maker.ts'
import type { Provisional } from './repository-maker.ts'
import { clearNotes } from './take-back.ts'

/*
 * Repositories that pushes create, by their plain names:
 *
 *                 create()               rename                 a visitor leaves something in it
 *      absent ───────────────▶ creating ────────▶ provisional ──────────────────────────────────▶ kept
 *        ▲                        │                    │
 *        │   git or disk says no  │                    │  the last visitor leaves, and it is pristine
 *        └────────────────────────┴────────────────────┘
 *
 *   absent       There is nothing on disk. A push is shown an empty repository of the supervisor's own.
 *   creating     `NAME.git.<uuid>.lock` and a note exist. A visit that comes now waits for the same creation.
 *   provisional  The repository and a note of what was made exist. It is there for its visitors only, which are the
 *                requests to this name that are under way. No push to it has left anything yet.
 *   kept         It is a repository like any other: there is no note, and nothing in here could remove it.
 */

/** What this host knows of a name for as long as somebody visits it. */
type Entry = {
  visitors: number
  creating: Promise<Provisional> | undefined
  provisional: Provisional | undefined
  /** Some of the ids that the pushes want references to have, of the pushes that came when it was created. */
  readonly pushed: string[]
}

/** A request to a name, from before the repository is looked for until nothing of the request is at work in it. */
export type Visit = AsyncDisposable & {
  /** Whether the repository was made for a push, and none has left anything in it yet, as far as is known. */
  readonly isProvisional: boolean
  /**
   * Makes the repository of this name, or waits until another visit has made it.
   *
   * @param ids that the push wants references to have
   * @returns whether it was made for this visit
   */
  create(ids: readonly string[]): Promise<boolean>
  /**
   * Removes a repository that was made in vain, if this is the last visit. May be called before the visit is disposed
   * of.
   */
  leave(): Promise<void>
}

/** If a push has failed, objects that can be reached from its ids are looked for, from so many ids at most. */
const maxIds = 200

export type NewRepositoriesOptions = {
  readonly runFolder: string
  /** The real path of the folder below which all repositories lie. */
  readonly root: string
  /** Whether other hosts work in the same root. */
  readonly isShared: boolean
  /** Whether a repository that a push of this host has created may be removed again: another host may have it by now. */
  readonly mayTakeBack: (repository: string) => boolean
  readonly format: ObjectFormat
  readonly runJob: RunJob
  readonly log: Logger
}

export class NewRepositories {
  readonly empty: EmptyRepository
  readonly #root: string
  readonly #runJob: RunJob
  readonly #mayTakeBack: (repository: string) => boolean
  /** Makes repositories for administration, too. */
  readonly maker: RepositoryMaker
  readonly #entries = new Map<string, Entry>()

  private constructor(
    empty: EmptyRepository,
    maker: RepositoryMaker,
    { root, runJob, mayTakeBack }: NewRepositoriesOptions,
  ) {
    this.empty = empty
    this.maker = maker
    this.#root = root
    this.#runJob = runJob
    this.#mayTakeBack = mayTakeBack
  }

  /** Takes back what first pushes have left to an earlier supervisor. None of its processes may live any more. */
  static async open(options: NewRepositoriesOptions): Promise<NewRepositories> {
    const { runFolder, format, runJob, isShared, log } = options
    const notes = join(runFolder, 'created')
    mkdirSync(notes, { recursive: true })
    await clearNotes(notes, isShared ? undefined : (gitDir) => settleHead(gitDir, runJob), log)
    const empty = await EmptyRepository.open(runFolder, format, runJob)
    return new NewRepositories(empty, new RepositoryMaker(notes, format, runJob), options)
  }

  /** @param record filled in if the repository is taken back when the visit ends, or if it could not be */
  visit(plainName: string, repository: string, record: Pick<RequestRecord, 'takenBack' | 'tidyError'>): Visit {
    const entry = this.#entryOf(plainName)
    entry.visitors++
    let isOver = false
    const leave = async () => {
      if (isOver) return
      isOver = true
      try {
        if (await this.#leave(plainName, entry)) record.takenBack = true
      } catch (error) {
        record.tidyError = error
      }
    }
    const create = (ids: readonly string[]) => {
      entry.pushed.push(...ids.slice(0, maxIds - entry.pushed.length))
      return this.#createOnce(entry, repository)
    }
    return {
      get isProvisional() {
        return entry.provisional !== undefined
      },
      create,
      leave,
      [Symbol.asyncDispose]: leave,
    }
  }

  #entryOf(plainName: string): Entry {
    let entry = this.#entries.get(plainName)
    if (!entry) {
      entry = { visitors: 0, creating: undefined, provisional: undefined, pushed: [] }
      this.#entries.set(plainName, entry)
    }
    return entry
  }

  async #createOnce(entry: Entry, name: string): Promise<boolean> {
    if (entry.creating) {
      await entry.creating
      return false
    }
    if (findRepository(this.#root, name)) return false
    const target = placeFor(this.#root, name)
    // It does not end with the request that came first, because others may be waiting for it.
    entry.creating = this.maker.make(target)
    try {
      entry.provisional = await entry.creating
      return true
    } catch (error) {
      // Another program has created a repository of this name in the meantime. That one stays.
      if (findRepository(this.#root, name)) return false
      throw error
    } finally {
      entry.creating = undefined
    }
  }

  /** @returns whether the repository was taken back */
  async #leave(plainName: string, entry: Entry): Promise<boolean> {
    // During this wait it still counts as a visitor.
    const expected = entry.provisional && (await this.#expectedIn(entry.provisional, entry))
    const isLast = --entry.visitors === 0
    if (isLast) this.#entries.delete(plainName)
    const { provisional } = entry
    if (!provisional || !expected) return false
    if (isLast && this.#mayTakeBack(plainName)) return await this.maker.takeBack(provisional, expected)
    if (isLast || conditionOf(provisional.note.target, provisional.note.made) === 'used') {
      entry.provisional = undefined
      this.maker.keep(provisional)
    }
    return false
  }

  /**
   * What the repository may contain if no push has taken effect: what was made, and objects that are proven to belong
   * to the pushes.
   */
  async #expectedIn({ note }: Provisional, { visitors, pushed }: Entry): Promise<Contents> {
    if (visitors > 1 || conditionOf(note.target, note.made) !== 'objects') return note.made
    const now = contentsOf(note.target)
    return (await areAllReachable(note.target, pushed, this.#runJob)) ? now : note.made
  }
}
