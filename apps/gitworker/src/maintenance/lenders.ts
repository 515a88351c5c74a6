import { join } from 'node:path'
import { alternateLines, areUnderstood, folderOf, realOr } from '../administration/lending/alternates.ts'
import { allRepositoriesBelow } from '../administration/look/walk-root.ts'

/*
 * From which repositories others borrow objects. A fork that Sluice has made says so in the one that lends. One that an
 * operator has made with `git clone --shared` does not, so all repositories are looked at before anything expires, once
 * an hour at most. What a clone needs was reachable when it was made. It is kept for a grace of an hour at least after that has ended,
 * unless it was unneeded once before.
 */

const freshMs = 60 * 60_000

export class Lenders {
  readonly #root: string
  readonly #trashed: () => AsyncIterable<{ readonly gitDir: string }>
  readonly #onUnreadable: (path: string, error: unknown) => void
  /** The folders of objects; undefined while nobody can say. */
  #known: Promise<ReadonlySet<string> | undefined> | undefined
  #knownSince = -Infinity

  /**
   * @param trashed the repositories in the trash: they borrow until they are purged
   * @param onUnreadable called with the path of what cannot be read, so that it is not known who borrows from whom. Until it
   *   can, every repository may be a lender
   */
  constructor(
    root: string,
    trashed: () => AsyncIterable<{ readonly gitDir: string }>,
    onUnreadable: (path: string, error: unknown) => void,
  ) {
    this.#root = root
    this.#trashed = trashed
    this.#onUnreadable = onUnreadable
  }

  /** @param now on the clock of `performance.now()` */
  async lends(gitDir: string, now: number): Promise<boolean> {
    if (this.#known === undefined || now - this.#knownSince > freshMs) {
      this.#knownSince = now
      this.#known = this.#look()
      // The next one looks again.
      this.#known.catch(() => (this.#known = undefined))
    }
    const known = await this.#known
    return known === undefined || known.has(realOr(join(gitDir, 'objects')))
  }

  async #look(): Promise<ReadonlySet<string> | undefined> {
    const found = new Set<string>()
    let isWhole = true
    const onUnreadable = (path: string, error: unknown) => {
      isWhole = false
      this.#onUnreadable(path, error)
    }
    for (const repositories of [allRepositoriesBelow(this.#root, onUnreadable), this.#trashed()]) {
      for await (const { gitDir } of repositories) {
        try {
          for (const folder of borrowedSurely(gitDir)) found.add(folder)
        } catch (error) {
          onUnreadable(join(gitDir, 'objects/info/alternates'), error)
        }
      }
    }
    return isWhole ? found : undefined
  }
}

/** @throws where it cannot be said which these are */
function borrowedSurely(gitDir: string): string[] {
  const lines = alternateLines(gitDir)
  if (!areUnderstood(lines)) throw new Error('A line of it cannot be read, or there are too many.')
  return lines.map((line) => realOr(folderOf(line, gitDir)))
}
