import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, readdir, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeFolders } from '@sluice/shared/machine/make-folders'
import type { Spool } from './spool.ts'

/** Each one takes a file descriptor for as long as it lives. */
const maxSpools = 256

/** The budget, or the number of spools, is used up by spools that cannot be removed now. */
export class SpoolBudgetError extends Error {
  override readonly name = 'SpoolBudgetError'
}

/** A part of a folder's room: files, and their bytes. */
export type Room = { readonly spools: number; readonly bytes: number }

/** Makes spools, as files without names, and keeps count of the disk space that they take. */
export class SpoolFolder {
  /** The disk space that is taken, or about to be. */
  bytes = 0
  spools = 0
  readonly #path: string
  readonly #budgetBytes: number
  readonly #makeRoom: () => boolean
  readonly #open = new Set<Spool>()

  /** @param makeRoom removes a spool that nobody reads, if there is one */
  constructor(path: string, budgetBytes: number, makeRoom: () => boolean) {
    this.#path = path
    this.#budgetBytes = budgetBytes
    this.#makeRoom = makeRoom
  }

  /** Whether no more than half of the budget is taken. */
  get isRoomy(): boolean {
    return this.bytes <= this.#budgetBytes / 2
  }

  /** Whether there is room for so much if only what is `removable` is removed. */
  hasRoomFor(more: Room, removable: Room = { spools: 0, bytes: 0 }): boolean {
    const [spools, bytes] = [this.spools - removable.spools + more.spools, this.bytes - removable.bytes + more.bytes]
    return spools <= maxSpools && bytes <= this.#budgetBytes
  }

  /** @throws {SpoolBudgetError} */
  add(spool: Spool): void {
    while (this.spools >= maxSpools) {
      if (!this.#makeRoom()) throw new SpoolBudgetError(`${maxSpools} packs are in use.`)
    }
    this.spools++
    this.#open.add(spool)
  }

  /** To be called before its descriptor is closed, so that the room can be used at once. */
  remove(spool: Spool): void {
    this.spools--
    this.giveBack(spool.bytes)
    void spool.closed.then(() => this.#open.delete(spool))
  }

  /** Resolves when every spool has been closed. */
  async closed(): Promise<void> {
    await Promise.all([...this.#open].map((spool) => spool.closed))
  }

  /** @throws {SpoolBudgetError} */
  take(bytes: number): void {
    while (this.bytes + bytes > this.#budgetBytes) {
      if (!this.#makeRoom()) throw new SpoolBudgetError(`The budget of ${this.#budgetBytes} bytes is used up.`)
    }
    this.bytes += bytes
  }

  giveBack(bytes: number): void {
    this.bytes -= bytes
  }

  /** A file without a name. It goes with its descriptor, whatever becomes of this process. */
  async create(): Promise<FileHandle> {
    const path = join(this.#path, `${prefix}${randomUUID()}`)
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const file = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      await rm(path)
      return file
    } catch (error) {
      await file.close()
      throw error
    }
  }
}

const prefix = 'sluice-pack-'

/** Makes the folder if need be, and removes what an earlier process has left that was killed while it made a spool. */
export async function prepareSpoolFolder(folder: string): Promise<string> {
  const path = resolve(folder)
  await makeFolders(path, 0o700)
  for (const name of await readdir(path)) {
    // Nothing else is removed: the folder may have been named by mistake.
    const file = join(path, name)
    if (name.startsWith(prefix) && (await lstat(file)).isFile()) await rm(file, { force: true })
  }
  return path
}
