import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { clearPushFolders, openPushFolder } from '../../src/hooks/push-folder.ts'

/** A push's folder is removed with the push, but nothing that a hook has mounted in it. */

const run = (program: string, ...args: string[]) => spawnSync(program, args).status === 0

test('a folder that a hook has mounted in its HOME is not emptied, and HOME is removed when it is unmounted', async (t) => {
  await using folder = await temporaryFolder()
  const theirs = join(folder.path, 'theirs')
  await mkdir(theirs)
  await writeFile(join(theirs, 'precious'), '')
  // The path may contain a link, and a name may contain a space.
  await mkdir(join(folder.path, 'run folder'))
  await symlink('run folder', join(folder.path, 'run'))
  const pushes = join(folder.path, 'run')
  const said: string[] = []
  const push = await openPushFolder(pushes, (error) => said.push(String(error)))
  const place = join(push.home, 'place')
  await mkdir(place)
  if (!run('mount', '--bind', theirs, place)) return t.skip('nothing may be mounted here')
  try {
    await push[Symbol.asyncDispose]()
    assert.deepEqual(await readdir(theirs), ['precious'])
    assert.match(said.join(), /mounted at .*run folder\/push-\w+\/home\/place: unmount it/)
  } finally {
    run('umount', place)
  }
  await push[Symbol.asyncDispose]()
  assert.deepEqual(await readdir(pushes), [])
  assert.ok(existsSync(join(theirs, 'precious')))
})

test('a folder that is gone already is no error', async () => {
  await using folder = await temporaryFolder()
  const said: unknown[] = []
  const push = await openPushFolder(folder.path, (error) => said.push(error))
  await push[Symbol.asyncDispose]()
  await push[Symbol.asyncDispose]()
  await clearPushFolders(folder.path, (error) => said.push(error))
  assert.deepEqual(said, [])
})
