import type { Logger } from '@sluice/shared/telemetry/log'
import { DiskStorage } from './storage/disk/disk-storage.ts'
import { UploadNotes } from './storage/disk/upload-notes.ts'
import type { LfsStorage } from './storage/lfs-storage.ts'
import type { S3Config } from './storage/s3/open-s3.ts'

/**
 * Opens the storage of LFS's objects: the disk, or S3. What must be given back is put on `opened`.
 *
 * @throws {ConfigError} where settings of S3 are missing, or a file of its key is not right
 */
export async function openLfsStorage(
  config: S3Config,
  runFolder: string,
  opened: AsyncDisposableStack,
  log: Logger,
): Promise<LfsStorage> {
  if (config.lfsS3Endpoint === undefined) return new DiskStorage(UploadNotes.open(runFolder, log))
  // Most hosts have no S3, and do not need its client in memory.
  const { openS3 } = await import('./storage/s3/open-s3.ts')
  return await openS3(config, config.lfsS3Endpoint, opened, log)
}
