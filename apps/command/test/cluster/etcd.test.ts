import assert from 'node:assert/strict'
import { chmod, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { call } from '../support/call.ts'

test('without etcd, a cluster is not started, and it is said how to install it', async () => {
  await using folder = await temporaryFolder()
  const { exitCode, stderr } = await call(['cluster', 'start', `${folder.path}/cluster`], {
    env: { PATH: folder.path },
  })
  assert.equal(exitCode, 1)
  assert.match(stderr, /needs etcd, and there is none on the PATH.*apt-get install etcd-server etcd-client/)
  assert.deepEqual(await readdir(folder.path), [])
})

test('with an etcd that is too old, a cluster is not started', async () => {
  await using folder = await temporaryFolder()
  const program = join(folder.path, 'etcd')
  await writeFile(program, '#!/bin/sh\necho "etcd Version: 3.3.25"\necho "Git SHA: none"\n')
  await chmod(program, 0o755)
  const { exitCode, stderr } = await call(['cluster', 'start', `${folder.path}/cluster`], {
    env: { PATH: folder.path },
  })
  assert.equal(exitCode, 1)
  assert.match(stderr, /needs etcd 3\.4 or newer\. The one on the PATH is 3\.3\.25\./)
  assert.deepEqual(await readdir(folder.path), ['etcd'])
})
