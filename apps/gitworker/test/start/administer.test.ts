import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { patienceMs } from '@sluice/shared/testing/patience'

const main = fileURLToPath(new URL('../../src/administer.ts', import.meta.url))

for (const storage of ['shared', 'own'])
  test(`while a host is stopped whose repositories others have, too, they are not administered: ${storage}`, async () => {
    await using folder = await temporaryFolder()
    await mkdir(join(folder.path, 'root'))
    const env = {
      PATH: process.env['PATH'],
      SLUICE_ROOT: join(folder.path, 'root'),
      SLUICE_RUN_FOLDER: join(folder.path, 'run'),
      SLUICE_CLUSTER: 'etcd',
      SLUICE_ETCD: 'http://127.0.0.1:1',
      SLUICE_HOST_NAME: 'host-1',
      SLUICE_STORAGE: storage,
    }
    const options = { env, encoding: 'utf8', timeout: patienceMs } as const
    const { status, stdout, stderr } = spawnSync(process.execPath, [main], options)
    assert.deepEqual([status, stdout], [1, ''], stderr)
    assert.match(
      stderr,
      new RegExp(
        `This host is stopped, and others .*\\(SLUICE_STORAGE=${storage}\\)\\. Do this on a host that runs\\.`,
      ),
    )
    assert.deepEqual(await readdir(folder.path, { recursive: true }), ['root'])
  })
