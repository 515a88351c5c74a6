import { ConfigError } from '@sluice/shared/config/config-error'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SupervisorConfig } from '../../../config/config.ts'
import { isRootCopied } from '../../../config/shared-root.ts'
import { openAccessKey } from './client/access-key.ts'
import type { Bucket } from './client/bucket.ts'
import { S3Client } from './client/s3-client.ts'
import { S3Storage } from './s3-storage.ts'

export type S3Config = Pick<SupervisorConfig, 'cluster' | 'storage'> & {
  readonly lfsS3Endpoint: string | undefined
  readonly lfsS3Bucket: string | undefined
  readonly lfsS3Region: string
  readonly lfsS3Prefix: string | undefined
  readonly lfsS3KeyIdFile: string | undefined
  readonly lfsS3SecretFile: string | undefined
  readonly lfsS3PathStyle: boolean
}

/**
 * Opens a bucket. Nothing is asked of it yet. What must be given back is put on `opened`.
 *
 * @throws {ConfigError} where settings are missing or do not fit together, or a file of the key is not right
 */
export async function openS3(
  config: S3Config,
  endpoint: string,
  opened: AsyncDisposableStack,
  log: Logger,
): Promise<S3Storage> {
  // Which objects of the bucket are a repository's is noted in its folder.
  if (isRootCopied(config)) {
    throw new ConfigError([
      'SLUICE_LFS_S3_ENDPOINT cannot be used in a cluster with SLUICE_STORAGE=own: copies would not know which objects are theirs. Use SLUICE_STORAGE=shared.',
    ])
  }
  const { bucket, keyIdFile, secretFile } = completeSettings(config, endpoint)
  const key = opened.use(await openAccessKey(keyIdFile, secretFile, log))
  const client = opened.use(new S3Client(bucket, () => key.current))
  return new S3Storage(client, config.lfsS3Prefix?.replace(/\/?$/, '/') ?? '', log)
}

type Complete = { readonly bucket: Bucket; readonly keyIdFile: string; readonly secretFile: string }

function completeSettings(config: S3Config, endpoint: string): Complete {
  const { lfsS3Bucket: name, lfsS3KeyIdFile: keyIdFile, lfsS3SecretFile: secretFile } = config
  if (name !== undefined && keyIdFile !== undefined && secretFile !== undefined) {
    const bucket = { endpoint, name, region: config.lfsS3Region, isPathStyle: config.lfsS3PathStyle }
    return { bucket, keyIdFile, secretFile }
  }
  const needed = { BUCKET: name, KEY_ID_FILE: keyIdFile, SECRET_FILE: secretFile }
  const missing = Object.entries(needed).flatMap(([end, value]) => (value === undefined ? `SLUICE_LFS_S3_${end}` : []))
  throw new ConfigError([`SLUICE_LFS_S3_ENDPOINT needs ${missing.join(', ')}, too.`])
}
