import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { call } from './support/call.ts'

test('without etcd, a cluster is not started, and it is said how to install it', async () => {
  await using folder = await temporaryFolder()
  const { exitCode, stderr } = await call(['cluster', 'start', `${folder.path}/cluster`], {
    env: { PATH: folder.path },
  })
  assert.equal(exitCode, 1)
  assert.match(stderr, /needs etcd, and there is none on the PATH.*apt-get install etcd-server etcd-client/)
  assert.deepEqual(await readdir(folder.path), [])
})
