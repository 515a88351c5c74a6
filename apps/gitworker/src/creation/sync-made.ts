import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { syncFile } from '@sluice/shared/machine/sync-to-disk'

/**
 * Makes the files of a new repository outlive a loss of power: HEAD, the configuration, what it borrows from. git waits for
 * none of them. Without HEAD, it is no repository to git, whatever is pushed to it later.
 *
 * @throws the file system's error
 */
export async function syncMade(gitDir: string): Promise<void> {
  const entries = await readdir(gitDir, { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  await Promise.all([...files, 'objects/info/alternates'].map((name) => syncIfThere(join(gitDir, name))))
}

async function syncIfThere(path: string): Promise<void> {
  try {
    await syncFile(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
