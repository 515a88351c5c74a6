import { join } from 'node:path'
import { realOr } from '../administration/lending/alternates.ts'
import { lentFolders } from '../administration/lending/borrowings.ts'
import type { TrashLook } from '../administration/lending/borrowings.ts'
import { identityOfFolder } from '../administration/move/folder-identity.ts'
import type { OnUnreadable } from '../administration/look/walk-root.ts'

/*
 * From which repositories others borrow objects. A fork that Sluice has made says so in the one that lends. One that an
 * operator has made with `git clone --shared` does not, so all repositories are looked at before anything expires, once
 * an hour at most. What a clone needs was reachable when it was made. It is kept for a grace of an hour at least after that has ended,
 * unless it was unneeded once before.
 */

const freshMs = 60 * 60_000

export class Lenders {
  readonly #root: string
  readonly #trash: TrashLook
  readonly #onUnreadable: OnUnreadable
  /** The identities of the folders of objects; undefined while nobody can say. */
  #known: Promise<ReadonlySet<string> | undefined> | undefined
  #knownSince = -Infinity

  /**
   * @param trash what is in it borrows until it is purged
   * @param onUnreadable called with the path of what cannot be read, so that it is not known who borrows from whom. Until it
   *   can, every repository may be a lender
   */
  constructor(root: string, trash: TrashLook, onUnreadable: OnUnreadable) {
    this.#root = root
    this.#trash = trash
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
    return known === undefined || known.has(identityOf(realOr(join(gitDir, 'objects'))))
  }

  async #look(): Promise<ReadonlySet<string> | undefined> {
    let isWhole = true
    const lent = await lentFolders(this.#root, this.#trash, (path, error) => {
      isWhole = false
      this.#onUnreadable(path, error)
    })
    return isWhole ? new Set([...lent].map(identityOf)) : undefined
  }
}

/** The same after the lender has been moved. */
function identityOf(objects: string): string {
  return identityOfFolder(objects) ?? objects
}
