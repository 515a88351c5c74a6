import { open, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { syncFile, syncFolder } from '@sluice/shared/machine/sync-to-disk'
import { isRefName } from '../git/ref-name.ts'
import { commonDirOf } from '../repository/repository.ts'
import { isWrittenInOrder } from '../repository/written-in-order.ts'

/*
 * What git has done in a repository must outlive a loss of power. Who makes sure of that:
 *
 *                                           all on one file system that        any other
 *                                           keeps order (`isWrittenInOrder`)
 *   objects, references                     git writes them out                git waits for them (`onDisk`)
 *   symbolic references, HEAD, `shallow`    here, file by file: git neither writes them out nor waits for them
 *   the names of all of these               here, by a file that is made       here, folder by folder, and by that file
 *                                           after them
 */

/** A push may name very many references: each folder that is synced is an open file, and holds a thread of Node's. */
const mostAtOnce = 4

/**
 * Resolves when all that git has changed in a repository is on the disk, on file systems that keep their changes in order.
 * On others, when the names of these references are.
 *
 * @param refs full names, one character for each byte. A repository that keeps references in another way has one folder for them
 * @param symbolic the names of symbolic references that have been set, HEAD included
 * @throws the file system's error
 */
export async function syncReferences(
  gitDir: string,
  refs: readonly string[],
  symbolic: readonly string[] = [],
): Promise<void> {
  const commonDir = commonDirOf(gitDir)
  const files = ['shallow', ...symbolic.filter((ref) => ref === 'HEAD' || isRefName(ref))]
  await Promise.all([syncNames(commonDir, [...refs, ...symbolic]), syncEach(commonDir, files, syncFile)])
}

async function syncNames(commonDir: string, refs: readonly string[]): Promise<void> {
  if ((await isWrittenInOrder(commonDir)) && (await syncLast(commonDir))) return
  await Promise.all([syncLast(commonDir), syncFolders(commonDir, refs)])
}

/**
 * A reference that is symbolic has its value elsewhere, and a fetch does not say what it changes. So a file is made after all of
 * that: it cannot be on the disk without what came before it.
 *
 * @returns whether there was room for it
 */
async function syncLast(commonDir: string): Promise<boolean> {
  const path = join(commonDir, 'sluice-synced')
  try {
    await using file = await open(path, 'w', 0o600)
    await file.sync()
    await rm(path, { force: true })
    return true
  } catch (error) {
    if (noRoom.has(errnoOf(error))) return false
    throw error
  }
}

const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** Syncs the folders of new objects, and each folder on the way to a reference. @throws the file system's error */
export async function syncFolders(commonDir: string, refs: readonly string[]): Promise<void> {
  const folders = new Set(['.', 'reftable', 'objects', 'objects/pack', ...(await looseFolders(commonDir))])
  for (const ref of refs) {
    if (!isRefName(ref)) continue
    for (let folder = dirname(ref); !folders.has(folder); folder = dirname(folder)) folders.add(folder)
  }
  await syncEach(commonDir, folders, syncFolder)
}

/** git gives loose objects their names right before it changes references. */
const recentMs = 10 * 60_000

/** The folders of loose objects in which something has changed lately, relative to the repository. */
export async function looseFolders(commonDir: string): Promise<string[]> {
  const since = Date.now() - recentMs
  const names = await readdir(join(commonDir, 'objects')).catch(() => [])
  const folders = names.filter((name) => /^[0-9a-f]{2}$/.test(name)).map((name) => `objects/${name}`)
  const found = await Promise.all(folders.map((folder) => stat(join(commonDir, folder)).catch(() => undefined)))
  return folders.filter((_, index) => (found[index]?.mtimeMs ?? 0) >= since)
}

async function syncEach(
  commonDir: string,
  names: Iterable<string>,
  sync: (path: Buffer) => Promise<void>,
): Promise<void> {
  const left = Iterator.from(names)
  const syncSome = async () => {
    for (const name of left) await syncIfThere(commonDir, name, sync)
  }
  await Promise.all(Array.from({ length: mostAtOnce }, syncSome))
}

async function syncIfThere(commonDir: string, name: string, sync: (path: Buffer) => Promise<void>): Promise<void> {
  try {
    await sync(Buffer.concat([Buffer.from(`${commonDir}/`), Buffer.from(name, 'latin1')]))
  } catch (error) {
    if (!nothingToSync.has(errnoOf(error))) throw error
  }
}

/** git removes folders without references. Some file systems have nothing to write for a folder: fsync(2), EINVAL. */
const nothingToSync: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EINVAL'])
