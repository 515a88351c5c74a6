import { Refusal } from '@sluice/shared/refusal/refusal'
import { readLocks, writeLocks } from './lock-file.ts'
import type { Lock } from './lock.ts'
import { LockTurns } from './lock-turns.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'

/** More than people work on at once. Each change writes all of them anew. */
const mostLocks = 10_000

export type LockSearch = PageRequest & { readonly path: string | undefined; readonly id: number | undefined }

/**
 * The locks of all repositories of this host. What has been answered is on the disk; nothing of it is kept in memory.
 *
 *     free ──create──▶ locked by its owner ──unlock by the owner, or by anyone with force──▶ free
 *
 * Locks bind clients, which ask for them before they push. A push is not looked through for what is locked.
 */
export class Locks {
  readonly #turns = new LockTurns()

  /**
   * Of two who ask at once, one gets the lock.
   *
   * @param file of the repository's locks
   * @returns the lock, which is somebody else's or an earlier one where it is not `isNew`
   * @throws {Refusal} `lfs_too_many_locks`, `lfs_locks_unreadable`, `queue_full`
   */
  async create(file: string, path: string, owner: string): Promise<{ readonly lock: Lock; readonly isNew: boolean }> {
    return await this.#turns.take(file, async () => {
      const { next, locks } = await readLocks(file)
      const taken = locks.find((lock) => lock.path === path)
      if (taken) return { lock: taken, isNew: false }
      if (locks.length >= mostLocks) throw new Refusal('lfs_too_many_locks')
      const lock = { id: next, path, owner, lockedAt: now() }
      await writeLocks(file, { next: next + 1, locks: [...locks, lock] })
      return { lock, isNew: true }
    })
  }

  /** The latest come first. @throws {Refusal} `lfs_locks_unreadable` */
  async list(file: string, { path, id, ...page }: LockSearch): Promise<Page> {
    const { locks } = await readLocks(file)
    const found = locks.filter((lock) => (path ?? lock.path) === lock.path && (id ?? lock.id) === lock.id)
    return pageOf(found, page)
  }

  /**
   * @param user undefined: nobody has logged in
   * @param isForced whether a lock of somebody else is to go, too
   * @throws {Refusal} `lfs_lock_missing`, `lfs_lock_of_another`, `lfs_locks_unreadable`, `queue_full`
   */
  async unlock(file: string, id: number, user: string | undefined, isForced: boolean): Promise<Lock> {
    return await this.#turns.take(file, async () => {
      const { next, locks } = await readLocks(file)
      const lock = locks.find((one) => one.id === id)
      if (!lock) throw new Refusal('lfs_lock_missing')
      if (lock.owner !== user && !isForced) throw ofAnother(lock)
      await writeLocks(file, { next, locks: locks.filter((one) => one !== lock) })
      return lock
    })
  }
}

function ofAnother({ path, owner }: Lock): Refusal {
  const sentence = `${path} is locked by ${owner}. Ask them to unlock it, or unlock it with --force.`
  return new Refusal('lfs_lock_of_another', { sentence })
}

/** Of the second: git-lfs shows no more, and other servers send no more. */
function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}
