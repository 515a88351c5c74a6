import assert from 'node:assert/strict'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '@sluice/shared/config/config-error'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import type { Admission } from '../../../src/capacity/admission.ts'
import type { SupervisorConfig } from '../../../src/config/config.ts'
import { openCaches } from '../../../src/start/parts/caches.ts'
import { openStorage } from '../../../src/start/parts/storage.ts'

/** What a host starts with where other hosts use the same root. */

const shared = { cluster: 'etcd', storage: 'shared' } as const

test('the folders that are of one host alone must not lie in the root', async () => {
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'root')
  await mkdir(root)
  const within = { runFolder: join(root, 'run'), spoolFolder: join(root, 'spool') }
  const open = (more: object) =>
    openStorage(
      { ...shared, root, killGrace: 300, createOnPush: false, ...within, ...more } as SupervisorConfig,
      silentLog,
    )
  await assert.rejects(
    open({}),
    (error) =>
      error instanceof ConfigError &&
      /^.*SLUICE_RUN_FOLDER names .*SLUICE_SPOOL_FOLDER names .*SLUICE_STORAGE=shared/s.test(error.message),
  )
  await assert.rejects(open({ runFolder: root, spoolFolder: 'auto' }), /SLUICE_RUN_FOLDER names/)
  assert.deepEqual(await readdir(root), [])
  const ownDisk = { runFolder: join(folder.path, 'run'), spoolFolder: join(folder.path, 'root-2') }
  await using _opened = await open(ownDisk)
  await using _alone = await open({ cluster: 'off' })
})

test('references are cached only where the size is said', async () => {
  await using folder = await temporaryFolder()
  const caches = async (more: object) => {
    const config = { packCache: undefined, fetchAhead: 0, spoolFolder: 'auto', ...more } as SupervisorConfig
    await using opened = await openCaches(config, {} as Admission, folder.path, silentLog)
    return opened.answers !== undefined
  }
  assert.equal(await caches({ ...shared, referenceCache: 'auto' }), false)
  assert.equal(await caches({ ...shared, referenceCache: 1024 }), true)
  assert.equal(await caches({ ...shared, storage: 'own', referenceCache: 'auto' }), true)
  assert.equal(await caches({ ...shared, cluster: 'off', referenceCache: 'auto' }), true)
})
