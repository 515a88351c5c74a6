import { randomUUID } from 'node:crypto'
import { open, rename, rmdir, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { IncomingObject } from '../lfs-storage.ts'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'
import type { DurableFolders } from './durable-folders.ts'
import { HashedFile } from './hashed-file.ts'
import { folderOf, incomingFolder, lfsFolder, pathOf } from './object-paths.ts'
import type { UploadNotes } from './upload-notes.ts'

export type IncomingFileOptions = {
  readonly gitDir: string
  readonly oid: string
  readonly notes: UploadNotes
  readonly folders: DurableFolders
}

/** Others may remove a folder that they find empty, between its making and its use. */
const mostTries = 5

/*
 * An object on its way to the disk:
 *
 *   note ──▶ file under a name of its own ──all is written, and it is the object──▶ fsync ──▶ its name ──▶ fsync of the folder
 *                     │
 *                     └── disposed of: removed
 *
 * The note is removed with the temporary name. If this process is killed, the next one finds the note, and removes the file.
 */
export class IncomingFile implements IncomingObject {
  readonly sink: HashedFile
  readonly #options: IncomingFileOptions
  readonly #path: string
  readonly #handle: FileHandle
  readonly #note: Disposable
  #isStored = false
  #isOver = false

  private constructor(options: IncomingFileOptions, path: string, handle: FileHandle, note: Disposable) {
    this.#options = options
    this.#path = path
    this.#handle = handle
    this.#note = note
    this.sink = new HashedFile(handle)
    // Told by `store`.
    this.sink.on('error', () => {})
  }

  static async open(options: IncomingFileOptions): Promise<IncomingFile> {
    const { gitDir, oid, notes, folders } = options
    const folder = incomingFolder(gitDir)
    const path = join(folder, `${oid}.${randomUUID()}`)
    using noted = new DisposableStack()
    const note = noted.use(notes.write(path))
    const handle = await inFolder(folder, folders, () => open(path, 'wx'))
    noted.move()
    return new IncomingFile(options, path, handle, note)
  }

  async store(): Promise<boolean> {
    const { gitDir, oid, folders } = this.#options
    try {
      this.sink.end()
      await finished(this.sink)
      if (this.sink.digest() !== oid) throw new Refusal('lfs_object_differs')
      await this.#handle.sync()
      const folder = folderOf(gitDir, oid)
      await inFolder(folder, folders, () => rename(this.#path, pathOf(gitDir, oid)))
      this.#isStored = true
      await syncFolder(folder)
      return true
    } catch (error) {
      throw isFull(error) ? new Refusal('disk_full', { cause: error }) : error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.sink.destroy()
    await this.#handle.close().catch(() => {})
    if (!this.#isStored) await unlink(this.#path).catch(() => {})
    this.#note[Symbol.dispose]()
    await removeIncoming(this.#options.gitDir)
  }
}

/** Where nothing else is uploaded, nothing stays; and nothing at all where nothing has been stored. */
async function removeIncoming(gitDir: string): Promise<void> {
  await rmdir(incomingFolder(gitDir)).catch(() => {})
  await rmdir(lfsFolder(gitDir)).catch(() => {})
}

async function inFolder<T>(folder: string, folders: DurableFolders, act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      await folders.make(folder)
      return await act()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || tries === mostTries) throw error
    }
  }
}

/** Whether a write failed because there is no room for it. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(errnoOf(error))
}
