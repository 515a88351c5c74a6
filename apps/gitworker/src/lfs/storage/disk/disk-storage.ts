import type { Stats } from 'node:fs'
import { copyFile, constants, link, lstat, open, opendir } from 'node:fs/promises'
import { lstatSync, unlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import { isOid } from '@sluice/shared/lfs/lfs-request'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { ObjectPage, ObjectStore } from '../../../copies/object-store.ts'
import type { ByteRange, IncomingObject, LfsPlace, LfsStorage, ListedObject, StoredObject } from '../lfs-storage.ts'
import { DurableFolders } from './durable-folders.ts'
import { ExpectedObject } from './expected-object.ts'
import { IncomingFile } from './incoming-file.ts'
import { folderOf, objectsFolder, pathOf } from './object-paths.ts'
import { removeOldIncoming } from './old-incoming.ts'
import type { UploadNotes } from './upload-notes.ts'

/** An object whose time is more recent counts as new as it is. */
const freshMs = 10 * 60_000

/** Keeps objects on this host's disk, in the repositories that they belong to. */
export class DiskStorage implements LfsStorage, ObjectStore {
  readonly #notes: UploadNotes
  readonly #folders = new DurableFolders()

  constructor(notes: UploadNotes) {
    this.#notes = notes
  }

  async sizeOf({ gitDir }: LfsPlace, oid: string): Promise<number | undefined> {
    return (await fileAt(pathOf(gitDir, oid)))?.size
  }

  async freshen({ gitDir }: LfsPlace, oid: string): Promise<number | undefined> {
    const path = pathOf(gitDir, oid)
    const found = await fileAt(path)
    if (!found || found.mtimeMs > Date.now() - freshMs) return found?.size
    try {
      // In one turn of the event loop with nothing else, as the removal is.
      const now = new Date()
      utimesSync(path, now, now)
      return found.size
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      // Another user's file: whoever has put it there sees to it.
      if (errnoOf(error) === 'EPERM') return found.size
      throw error
    }
  }

  async open({ gitDir }: LfsPlace, oid: string): Promise<StoredObject | undefined> {
    const path = pathOf(gitDir, oid)
    if (!(await fileAt(path))) return undefined
    await using opened = new AsyncDisposableStack()
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(undefinedIfMissing)
    if (!handle) return undefined
    opened.defer(() => handle.close())
    const { size } = await handle.stat()
    const file = opened.move()
    const stream = (range?: ByteRange) =>
      handle.createReadStream({ ...range, autoClose: false, highWaterMark: readBytes })
    return { size, stream, [Symbol.asyncDispose]: () => file.disposeAsync() }
  }

  async receive(place: LfsPlace, oid: string): Promise<IncomingObject> {
    if ((await this.freshen(place, oid)) !== undefined) return new ExpectedObject(oid)
    return await IncomingFile.open({ gitDir: place.gitDir, oid, notes: this.#notes, folders: this.#folders })
  }

  async *list({ gitDir }: LfsPlace): AsyncGenerator<ListedObject> {
    for await (const folder of foldersIn(objectsFolder(gitDir))) {
      yield* objectsIn(folder)
    }
  }

  mayHave({ gitDir }: LfsPlace): boolean {
    return lstatSync(objectsFolder(gitDir), { throwIfNoEntry: false }) !== undefined
  }

  /**
   * A thousand objects, and those of one folder more.
   *
   * @param after the last folder of the page before; empty for the first page
   */
  async page({ gitDir }: LfsPlace, after: string): Promise<ObjectPage> {
    const objects: LfsPointer[] = []
    const folders = (await namesIn(objectsFolder(gitDir))).filter((name) => /^[0-9a-f]{2}$/.test(name) && name > after)
    for (const name of folders.toSorted()) {
      for await (const { oid, size } of objectsIn(join(objectsFolder(gitDir), name))) objects.push({ oid, size })
      if (objects.length >= enoughOnPage) return { objects, next: name }
    }
    return { objects, next: null }
  }

  async remove({ gitDir }: LfsPlace, oid: string, usedBefore: number): Promise<boolean> {
    const path = pathOf(gitDir, oid)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (!found?.isFile() || found.mtimeMs >= usedBefore) return false
    unlinkSync(path)
    return true
  }

  async tidy({ gitDir }: LfsPlace): Promise<void> {
    removeOldIncoming(gitDir)
  }

  async share(from: LfsPlace, to: LfsPlace): Promise<void> {
    for await (const { oid } of this.list(from)) {
      await this.#folders.make(folderOf(to.gitDir, oid))
      await linkOrCopy(pathOf(from.gitDir, oid), pathOf(to.gitDir, oid))
    }
  }
}

const readBytes = 128 * 1024
const enoughOnPage = 1000

async function* objectsIn(folder: string): AsyncGenerator<ListedObject> {
  for await (const inner of foldersIn(folder)) {
    for (const oid of await namesIn(inner)) {
      const found = isOid(oid) ? await fileAt(join(inner, oid)) : undefined
      if (found) yield { oid, size: found.size, usedAt: found.mtimeMs }
    }
  }
}

/** Objects never change, so that a fork can have the same files. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOENT') return
    await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
  }
}

async function fileAt(path: string): Promise<Stats | undefined> {
  const found = await lstat(path).catch(undefinedIfMissing)
  return found?.isFile() ? found : undefined
}

async function* foldersIn(path: string): AsyncGenerator<string> {
  const folder = await opendir(path).catch(undefinedIfMissing)
  if (!folder) return
  for await (const entry of folder) {
    if (entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name)) yield join(path, entry.name)
  }
}

async function namesIn(path: string): Promise<string[]> {
  const folder = await opendir(path).catch(undefinedIfMissing)
  if (!folder) return []
  const names: string[] = []
  for await (const { name } of folder) names.push(name)
  return names
}

function undefinedIfMissing(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
  throw error
}
