import { renameSync, rmSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { readNote } from '../process/request-note.ts'
import type { Noted } from '../process/request-note.ts'
import { removeLeftovers } from './push-leftovers.ts'

/*
 * Removes what dead pushes have left, and remembers what could not be removed yet:
 *
 *   a push's note ──sweep──▶ removed
 *        └── in use ──▶ postponed, as owed/<uuid> ──tryAgain──▶ removed
 *
 * It is tried again each minute, when a git command of the same repository has ended, and by the next supervisor.
 */

const tryAgainEveryMs = 60_000

/** If there are more, the oldest are forgotten. What they name is left where it is. */
const maxPostponed = 1000

export class Sweeper implements Disposable {
  readonly #folder: string
  /** The notes of pushes whose leftovers are still in use, by file. */
  readonly #postponed = new Map<string, Noted>()
  readonly #timer: NodeJS.Timeout

  private constructor(folder: string) {
    this.#folder = folder
    this.#timer = setInterval(() => void this.tryAgain().catch(() => {}), tryAgainEveryMs).unref()
  }

  /** @param folder where postponed notes are kept, including those of earlier supervisors */
  static async open(folder: string): Promise<Sweeper> {
    await mkdir(folder, { recursive: true })
    const sweeper = new Sweeper(folder)
    for (const name of await readdir(folder)) sweeper.#remember(join(folder, name))
    return sweeper
  }

  /**
   * Removes what a push has left, when no process of it lives any more.
   *
   * @param file the push's note, which is moved away if anything is postponed
   * @returns the paths of what was removed
   * @throws if the repository cannot be read; then everything is postponed
   */
  async sweep(file: string): Promise<string[]> {
    let isPostponed = true
    try {
      const removal = await removeLeftovers(readNote(file))
      isPostponed = removal.isPostponed
      return removal.removed
    } finally {
      if (isPostponed) {
        const kept = join(this.#folder, randomUUID())
        renameSync(file, kept)
        this.#remember(kept)
      }
    }
  }

  /**
   * @param gitDir limits it to one repository
   * @returns the paths of what was removed
   */
  async tryAgain(gitDir?: string): Promise<string[]> {
    const removed: string[] = []
    for (const [file, noted] of this.#postponed) {
      if (gitDir !== undefined && noted.gitDir !== gitDir) continue
      // One repository that cannot be read must not keep the others waiting.
      const removal = await removeLeftovers(noted).catch(() => ({ removed: [], isPostponed: true }))
      removed.push(...removal.removed)
      if (!removal.isPostponed) this.#forget(file)
    }
    return removed
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #remember(file: string): void {
    this.#postponed.set(file, readNote(file))
    const [oldest] = this.#postponed.keys()
    if (this.#postponed.size > maxPostponed && oldest !== undefined) this.#forget(oldest)
  }

  #forget(file: string): void {
    this.#postponed.delete(file)
    rmSync(file, { force: true })
  }
}
