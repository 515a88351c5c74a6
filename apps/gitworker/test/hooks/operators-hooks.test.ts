import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '@sluice/shared/config/config-error'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { openOperatorsHooks } from '../../src/hooks/operators-hooks.ts'

test('all hooks that would not run are reported at the start', async () => {
  await using folder = await temporaryFolder()
  const add = async (name: string, mode: number) => {
    await writeFile(join(folder.path, name), '#!/bin/sh\n')
    await chmod(join(folder.path, name), mode)
  }
  assert.equal(await openOperatorsHooks(undefined), undefined)
  assert.equal(await openOperatorsHooks(folder.path), undefined)
  await add('update', 0o755)
  await add('README', 0o644)
  await add('common.sh', 0o644)
  await add('post-update.sample', 0o755)
  await mkdir(join(folder.path, 'post-receive'))
  assert.deepEqual(await openOperatorsHooks(folder.path), { folder: folder.path, names: ['update'] })
  await add('pre-recieve', 0o755)
  await add('proc-receive', 0o755)
  await add('pre-receive', 0o644)
  await assert.rejects(openOperatorsHooks(folder.path), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /pre-recieve is none of pre-receive, update/)
    assert.match(error.message, /proc-receive is none of/)
    assert.match(error.message, /\/pre-receive is not an executable file/)
    return true
  })
})

test('a missing folder is a configuration error', async () => {
  await assert.rejects(openOperatorsHooks('/nonexistent/hooks'), /SLUICE_HOOKS_FOLDER names .*\(ENOENT\)/)
})
