import { dirname } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'

/** Makes the move of a folder outlive a loss of power: before, it may be at its old path again. @throws the file system's error */
export async function syncMove({
  folder,
  target,
}: {
  readonly folder: string
  readonly target: string
}): Promise<void> {
  await syncFolder(dirname(target))
  await syncFolder(dirname(dirname(target)))
  await syncFoldersAbove(folder)
}

/** Those that are empty are removed after a move. */
async function syncFoldersAbove(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    await syncFolder(parent)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || parent === path) throw error
    await syncFoldersAbove(parent)
  }
}
