import { statSync } from 'node:fs'
import { join } from 'node:path'
import { keepsOrder } from '@sluice/shared/machine/file-order'
import { commonDirOf } from './repository.ts'

/** Folders that may be links to another disk, or mounted. */
const places = ['.', 'objects', 'objects/pack', 'refs', 'refs/heads', 'reftable']

/**
 * Whether all that git writes in a repository is on one file system, and that keeps its changes in order.
 *
 * @param ordered for tests
 * @throws the file system's error
 */
export async function isWrittenInOrder(gitDir: string, ordered = keepsOrder): Promise<boolean> {
  const commonDir = commonDirOf(gitDir)
  const devices = places.map((place) => statSync(join(commonDir, place), { throwIfNoEntry: false })?.dev)
  return new Set(devices.filter((device) => device !== undefined)).size === 1 && (await ordered(commonDir))
}
