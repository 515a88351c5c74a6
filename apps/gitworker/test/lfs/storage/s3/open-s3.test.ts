import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '@sluice/shared/config/config-error'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { startS3Server } from '@sluice/shared/testing/s3-server'
import { until } from '@sluice/shared/testing/until'
import { readSupervisorConfig } from '../../../../src/config/config.ts'
import { openS3 } from '../../../../src/lfs/storage/s3/open-s3.ts'
import type { S3Storage } from '../../../../src/lfs/storage/s3/s3-storage.ts'

async function open(env: Record<string, string>, opened: AsyncDisposableStack): Promise<S3Storage> {
  const config = readSupervisorConfig({ SLUICE_ROOT: '/', ...env })
  return await openS3(config, config.lfsS3Endpoint!, opened, silentLog)
}

test('S3 is opened with its settings, and with a new key without a restart', async () => {
  await using server = await startS3Server()
  await using opened = new AsyncDisposableStack()
  const storage = await open({ ...server.env, SLUICE_LFS_S3_PREFIX: 'some/where' }, opened)
  await storage.probe()
  const { SLUICE_LFS_S3_SECRET_FILE: secretFile } = server.env
  await writeFile(secretFile!, 'another\n')
  const answers = async () =>
    await storage.probe().then(
      () => true,
      () => false,
    )
  await until('the new key to be in use', async () => !(await answers()))
  await writeFile(secretFile!, 'S3RVER')
  await until('the old key to be in use again', answers)
})

test('settings of S3 that are missing, and files that are not right, are named', async () => {
  await using server = await startS3Server()
  await using folder = await temporaryFolder()
  const { SLUICE_LFS_S3_ENDPOINT, ...rest } = server.env
  const problemWith = async (env: Record<string, string>) => {
    await using opened = new AsyncDisposableStack()
    return await open(env, opened).then(
      () => 'none',
      (error: unknown) => {
        assert.ok(error instanceof ConfigError)
        return error.problems.join('\n')
      },
    )
  }
  assert.match(
    await problemWith({ SLUICE_LFS_S3_ENDPOINT: SLUICE_LFS_S3_ENDPOINT! }),
    /needs SLUICE_LFS_S3_BUCKET, SLUICE_LFS_S3_KEY_ID_FILE, SLUICE_LFS_S3_SECRET_FILE, too/,
  )
  const cluster = { SLUICE_CLUSTER: 'etcd', SLUICE_SUPERVISOR: '127.0.0.1:1' }
  assert.match(await problemWith({ ...server.env, ...cluster }), /cannot be used in a cluster with SLUICE_STORAGE=own/)
  const wrong = join(folder.path, 'wrong')
  for (const content of ['', 'two words', 'a\nb']) {
    await writeFile(wrong, content)
    assert.match(await problemWith({ ...server.env, SLUICE_LFS_S3_SECRET_FILE: wrong }), /must have one line/)
  }
  assert.match(
    await problemWith({ ...server.env, SLUICE_LFS_S3_KEY_ID_FILE: '/none' }),
    /cannot read \/none \(ENOENT\)/,
  )
  for (const endpoint of ['s3.example.org', 'https://s3.example.org/bucket', 'https://a:b@s3.example.org', 'ftp://x']) {
    assert.match(await problemWith({ ...rest, SLUICE_LFS_S3_ENDPOINT: endpoint }), /SLUICE_LFS_S3_ENDPOINT/, endpoint)
  }
  for (const [name, value] of Object.entries({ BUCKET: 'Upper', PREFIX: '../x', REGION: 'a b', PATH_STYLE: 'yes' })) {
    assert.match(
      await problemWith({ ...server.env, [`SLUICE_LFS_S3_${name}`]: value }),
      new RegExp(`SLUICE_LFS_S3_${name}`),
    )
  }
})
