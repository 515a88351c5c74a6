import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'

/**
 * Folders that were made above new repositories, none of which is kept so far. Each repository claims all of the
 * folders above it, even if they were made for another one. They are removed with the last repository that claims them.
 */
export class NewFolders {
  /** How many repositories claim each folder. */
  readonly #claims = new Map<string, number>()

  /** Makes the folders that are missing above a repository. @returns all that it claims, the outermost first */
  makeAbove(target: string): string[] {
    for (const folder of makeFoldersAbove(target)) this.#claims.set(folder, 0)
    const claimed: string[] = []
    for (let folder = dirname(target); this.#claims.has(folder); folder = dirname(folder)) {
      claimed.unshift(folder)
      this.#claims.set(folder, this.#claims.get(folder)! + 1)
    }
    return claimed
  }

  /** To be called when a repository has been removed. */
  release(claimed: readonly string[]): void {
    for (const folder of claimed) {
      const others = (this.#claims.get(folder) ?? 1) - 1
      if (others > 0) this.#claims.set(folder, others)
      else this.#claims.delete(folder)
    }
  }

  /** To be called when a repository stays. */
  keep(claimed: readonly string[]): void {
    for (const folder of claimed) this.#claims.delete(folder)
  }
}

/** Makes the folders above a repository. @returns those that were missing, the outermost first */
export function makeFoldersAbove(target: string): string[] {
  const made: string[] = []
  const make = (folder: string, makeParent?: () => void) => {
    try {
      mkdirSync(folder)
      made.push(folder)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return
      if (errnoOf(error) !== 'ENOENT' || !makeParent) throw error
      makeParent()
      make(folder)
    }
  }
  const makeAll = (folder: string) => make(folder, () => makeAll(dirname(folder)))
  makeAll(dirname(target))
  return made
}
