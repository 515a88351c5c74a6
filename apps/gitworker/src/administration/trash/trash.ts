import { existsSync, renameSync, rmdirSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { errnoOf } from '@sluice/shared/machine/errno'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { isBelow, isGitDirectory } from '../../repository/repository.ts'
import type { OnUnreadable, Walked } from '../look/walk-root.ts'
import { identityOfFolder, isIdentityOf } from '../move/folder-identity.ts'
import { goneEnding, removeAllGone, removeEntry } from './removal.ts'
import type { Discard } from './removal.ts'
import { newEntry } from './new-entry.ts'
import { mayRemain } from './remains.ts'
import { isTrashId } from './trash-id.ts'
import { readTrashNote } from './trash-note.ts'
import type { Kept, TrashEntry } from './trash-note.ts'

/*
 * Deleted repositories, until their time is over. They stay on the disk of the root, below a name that no request can
 * address, since it ends in `.lock`:
 *
 *   <root>/.sluice-trash.lock/<id>/note.json      what it was, and until when it is kept
 *                                  repository/    its folder
 *                            /<id>.gone/          is being removed
 *
 *   entry without a repository ──the repository is moved in──▶ kept ──purge──▶ gone ──what it has elsewhere──▶ removed
 *                ▲                                               │
 *                └───────────────────restored────────────────────┘
 */

const folderName = '.sluice-trash.lock'
const held = 'repository'

/** What others are to know of an entry. */
export function trashedOf({ id, repository, deletedAt, keptUntil, isDropped = false, renamedTo }: TrashEntry) {
  return { id, repository, deletedAt, keptUntil, isDropped, ...(renamedTo && { renamedTo }) }
}

export class Trash {
  readonly #folder: string
  readonly #keepMs: number | undefined
  readonly #isOurs: ((repository: string) => boolean) | undefined
  readonly #discard: Discard | undefined

  /**
   * @param keepMs how long what is deleted from now on is kept; undefined: until it is purged by hand
   * @param isOurs where other hosts work in the same root: whether this one sees to a repository's entry
   * @param discard removes what a repository has outside of its folder
   */
  constructor(root: string, keepMs: number | undefined, isOurs?: (repository: string) => boolean, discard?: Discard) {
    this.#folder = join(root, folderName)
    this.#keepMs = keepMs
    this.#isOurs = isOurs
    this.#discard = discard
  }

  /**
   * Makes an entry for a repository that is about to be moved into it.
   *
   * @param kept what another host's trash says of it; otherwise it gets an id of its own, and is kept as long as others
   * @throws the file system's error
   */
  prepare(
    repository: string,
    folder: { readonly absolute: string; readonly relative: string },
    gitDir: string,
    kept?: Kept,
  ): TrashEntry {
    const note = newEntry(this.#folder, this.#keepMs, { repository, folder, gitDir }, kept)
    return { ...note, path: join(this.#folder, note.id, held) }
  }

  /** Removes an entry whose repository has been restored, or was never moved in. */
  async forget(id: string): Promise<void> {
    if (identityOfFolder(join(this.#folder, id, held)) !== undefined) return
    await rm(join(this.#folder, id), { recursive: true, force: true })
    this.#removeIfEmpty()
  }

  /** What can be restored, the latest first. */
  async list(): Promise<TrashEntry[]> {
    const entries = await this.#entries((path, cause) => {
      if (path !== this.#folder) return
      throw new Refusal('operation_failed', { sentence: `The trash, ${path}, cannot be read.`, cause })
    })
    return entries.toSorted((one, other) => (one.deletedAt < other.deletedAt ? 1 : -1))
  }

  /**
   * The repositories in it, since they may borrow objects, and lend them.
   *
   * @param onUnreadable called with the path of an entry that cannot be read, or the trash's own
   */
  async *repositories(onUnreadable: OnUnreadable): AsyncGenerator<Walked> {
    const entries = await this.#entries(onUnreadable)
    for (const { repository, path, gitDir } of entries) yield { name: repository, gitDir: join(path, gitDir) }
  }

  /** Whether a repository is being removed from the trash for good. */
  isGone(gitDir: string): boolean {
    return isBelow(this.#folder, gitDir) && relative(this.#folder, gitDir).split(sep, 1)[0]!.endsWith(goneEnding)
  }

  /** @throws {Refusal} `trash_missing` */
  find(id: string): TrashEntry {
    const entry = this.#entry(id)
    if (!entry) throw new Refusal('trash_missing')
    return entry
  }

  /**
   * Whether there is anything of a repository under an id: it itself, or what is left where its removal has failed.
   *
   * @throws {Refusal} `operation_failed` where something is there that is not what was moved in; `repository_unreadable`
   */
  has(id: string, repository: string): boolean {
    if (!isTrashId(id)) return false
    const entry = this.#entry(id)
    return entry ? entry.repository === repository : mayRemain(join(this.#folder, id), held, repository)
  }

  /** Removes a repository for good. From its first step on it cannot be restored, and `removeGone` goes on where it fails. */
  async purge(id: string): Promise<void> {
    const gone = join(this.#folder, `${id}${goneEnding}`)
    if (existsSync(gone)) await removeEntry(gone, held, this.#discard)
    if (this.#entry(id)) {
      renameSync(join(this.#folder, id), gone)
      await removeEntry(gone, held, this.#discard)
    }
    this.#removeIfEmpty()
  }

  /** Removes entries without a repository, which an earlier process has left. */
  async tidy(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (isTrashId(name) && this.#mayForget(join(this.#folder, name))) await this.forget(name)
    }
  }

  /** Goes on with removals that were cut off, or could not reach what a repository has elsewhere. */
  async removeGone(onFailed: (path: string, error: unknown) => void): Promise<void> {
    await removeAllGone(this.#folder, held, this.#discard, onFailed)
    this.#removeIfEmpty()
  }

  /** Those whose time is over. */
  async due(now = Date.now()): Promise<TrashEntry[]> {
    const entries = await this.list()
    const isDue = ({ keptUntil }: TrashEntry) => keptUntil !== null && Date.parse(keptUntil) <= now
    return entries.filter((entry) => isDue(entry) && (this.#isOurs?.(entry.repository) ?? true))
  }

  async #entries(onUnreadable: OnUnreadable): Promise<TrashEntry[]> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') onUnreadable(this.#folder, error)
      return []
    })
    const entries: TrashEntry[] = []
    const turn = new LoopTurn()
    for (const name of names) {
      await turn.letOthers()
      try {
        const entry = this.#entry(name)
        if (entry) entries.push(entry)
      } catch (error) {
        onUnreadable(join(this.#folder, name), error)
      }
    }
    return entries
  }

  /** Only what the note describes: the folder must be the one that was moved in, or nothing of it is shown or touched. */
  #entry(id: string): TrashEntry | undefined {
    if (!isTrashId(id)) return undefined
    const note = readTrashNote(join(this.#folder, id))
    const path = join(this.#folder, id, held)
    if (!note || note.id !== id || !isIdentityOf(note.identity, path)) return undefined
    return isGitDirectory(join(path, note.gitDir)) ? { ...note, path } : undefined
  }

  /** Another host may be about to move a repository into an entry. */
  #mayForget(path: string): boolean {
    if (!this.#isOurs) return true
    const note = readTrashNote(path)
    return note !== undefined && this.#isOurs(note.repository)
  }

  #removeIfEmpty(): void {
    try {
      rmdirSync(this.#folder)
    } catch {
      // Something is in it.
    }
  }
}
