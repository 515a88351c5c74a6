import { dirname } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { syncFolder } from '@sluice/shared/machine/sync-folder'
import { isRefName } from '../git/ref-name.ts'
import { commonDirOf } from '../repository/repository.ts'

/*
 * git waits until a reference's file is on the disk, and then gives it its name. Names are in folders, which git does not wait
 * for. Without them, a push that was acknowledged could be gone after a loss of power.
 */

/**
 * Resolves when the names of these references are on the disk. Those of the objects that were written before come with them
 * on file systems that keep their changes in order (ext4, XFS, ZFS).
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
  await Promise.all([...folders].map((folder) => syncIfThere(commonDir, folder)))
}

/**
 * The same where nobody knows which references there are. On file systems that keep their changes in order, the last change of a
 * folder brings those before it.
 */
export async function syncRepository(gitDir: string): Promise<void> {
  await syncReferences(gitDir, ['refs/heads/any', 'refs/tags/any'])
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
