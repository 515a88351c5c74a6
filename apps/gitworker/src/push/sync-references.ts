import { open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { syncFolder } from '@sluice/shared/machine/sync-folder'
import { isRefName } from '../git/ref-name.ts'
import { commonDirOf } from '../repository/repository.ts'

/*
 * git waits until a reference's file is on the disk, and then gives it its name. Names are in folders, which git does not wait
 * for. Without them, a push that was acknowledged could be gone after a loss of power.
 */

/** A push may name very many references: each folder that is synced is an open file, and holds a thread of Node's. */
const mostAtOnce = 4

/**
 * Resolves when all that git has changed in a repository is on the disk, on file systems that keep their changes in order (ext4,
 * XFS, ZFS). On others, when the names of these references are.
 *
 * @param refs full names, one character for each byte. A repository that keeps references in another way has one folder for them
 * @throws the file system's error
 */
export async function syncReferences(gitDir: string, refs: readonly string[]): Promise<void> {
  const commonDir = commonDirOf(gitDir)
  const folders = new Set(['.', 'reftable'])
  for (const ref of refs) {
    if (!isRefName(ref)) continue
    for (let folder = dirname(ref); !folders.has(folder); folder = dirname(folder)) folders.add(folder)
  }
  await Promise.all([syncLast(commonDir), syncAll(commonDir, folders)])
}

/**
 * A reference that is symbolic has its value elsewhere, and a fetch does not say what it changes. So a file is made after all of
 * that: it cannot be on the disk without what came before it. On a full disk, the folders must do.
 */
async function syncLast(commonDir: string): Promise<void> {
  const path = join(commonDir, 'sluice-synced')
  try {
    await using file = await open(path, 'w', 0o600)
    await file.sync()
    await rm(path, { force: true })
  } catch (error) {
    if (!noRoom.has(errnoOf(error))) throw error
  }
}

const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

async function syncAll(commonDir: string, folders: ReadonlySet<string>): Promise<void> {
  const left = folders.values()
  const syncSome = async () => {
    for (const folder of left) await syncIfThere(commonDir, folder)
  }
  await Promise.all(Array.from({ length: mostAtOnce }, syncSome))
}

async function syncIfThere(commonDir: string, folder: string): Promise<void> {
  try {
    await syncFolder(Buffer.concat([Buffer.from(`${commonDir}/`), Buffer.from(folder, 'latin1')]))
  } catch (error) {
    if (!nothingToSync.has(errnoOf(error))) throw error
  }
}

/** git removes folders without references. Some file systems have nothing to write for a folder: fsync(2), EINVAL. */
const nothingToSync: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EINVAL'])
