import { renameSync, rmSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { readNote } from '../process/request-note.ts'
import type { Noted } from '../process/request-note.ts'
import { removeRemains } from './push-leftovers.ts'

/*
 * Removes what dead pushes have left, and remembers what could not be removed yet:
 *
 *   note of a push ──sweep──▶ removed
 *        └── somebody still uses it ──▶ owed/<uuid> ──tried again: each minute, when a git of the repository has ended,
 *                                                     by the next supervisor──▶ removed
 */

const tryAgainEveryMs = 60_000

/** More than so many are forgotten, and left to their age. */
const maxOwed = 1000

export class Sweeper implements Disposable {
  readonly #folder: string
  /** The notes of pushes whose remains are still used, by file. */
  readonly #owed = new Map<string, Noted>()
  readonly #timer: NodeJS.Timeout

  private constructor(folder: string) {
    this.#folder = folder
    this.#timer = setInterval(() => void this.tryAgain().catch(() => {}), tryAgainEveryMs).unref()
  }

  /** @param folder where the notes are kept that are owed, those of earlier supervisors among them */
  static async open(folder: string): Promise<Sweeper> {
    await mkdir(folder, { recursive: true })
    const sweeper = new Sweeper(folder)
    for (const name of await readdir(folder)) sweeper.#owe(join(folder, name))
    return sweeper
  }

  /**
   * Removes what a push has left of which nothing lives any more.
   *
   * @param file its note, which is taken away if something is owed
   * @returns the paths of what was removed
   * @throws where the repository cannot be looked at: then all is owed
   */
  async sweep(file: string): Promise<string[]> {
    let isOwed = true
    try {
      const remains = await removeRemains(readNote(file))
      isOwed = remains.isOwed
      return remains.removed
    } finally {
      if (isOwed) {
        const kept = join(this.#folder, randomUUID())
        renameSync(file, kept)
        this.#owe(kept)
      }
    }
  }

  /** @param gitDir only what is owed there; of all repositories unless given */
  async tryAgain(gitDir?: string): Promise<string[]> {
    const removed: string[] = []
    for (const [file, noted] of this.#owed) {
      if (gitDir !== undefined && noted.gitDir !== gitDir) continue
      // One repository that cannot be looked at must not keep the others waiting.
      const remains = await removeRemains(noted).catch(() => ({ removed: [], isOwed: true }))
      removed.push(...remains.removed)
      if (!remains.isOwed) this.#settle(file)
    }
    return removed
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #owe(file: string): void {
    this.#owed.set(file, readNote(file))
    const [oldest] = this.#owed.keys()
    if (this.#owed.size > maxOwed && oldest !== undefined) this.#settle(oldest)
  }

  #settle(file: string): void {
    this.#owed.delete(file)
    rmSync(file, { force: true })
  }
}
