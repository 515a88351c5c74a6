import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { removeFetchLeftovers } from '../../src/sweep/fetch-leftovers.ts'

const left = [
  'HEAD.lock',
  'packed-refs.lock',
  'packed-refs.new',
  'refs/heads/a.lock',
  'refs/heads/b/c.lock',
  'objects/pack/tmp_pack_abc123',
  'objects/ab/tmp_obj_abc123',
]

async function repository(folder: string): Promise<string> {
  const gitDir = join(folder, 'x.git')
  await git(folder, ['init', '--quiet', '--bare', gitDir])
  await mkdir(join(gitDir, 'refs/heads/b'))
  await mkdir(join(gitDir, 'objects/ab'))
  return gitDir
}

async function leave(gitDir: string): Promise<void> {
  for (const path of left) await writeFile(join(gitDir, path), '')
  await writeFile(join(gitDir, 'objects/pack/pack-1.keep'), 'fetch-pack 123 on host\n')
  await writeFile(join(gitDir, 'objects/pack/pack-2.keep'), 'mine\n')
}

test('what a killed fetch has left since it was begun is removed, and nothing of others', async () => {
  await using folder = await temporaryFolder()
  const gitDir = await repository(folder.path)
  await leave(gitDir)
  const { removed, isPostponed } = await removeFetchLeftovers(gitDir, Date.now() - 60_000)
  assert.equal(isPostponed, false)
  assert.equal(removed.length, left.length + 1)
  for (const path of left) assert.ok(!existsSync(join(gitDir, path)), path)
  assert.ok(existsSync(join(gitDir, 'objects/pack/pack-2.keep')))
})

test('what was there before stays', async () => {
  await using folder = await temporaryFolder()
  const gitDir = await repository(folder.path)
  await leave(gitDir)
  await removeFetchLeftovers(gitDir, Date.now() + 60_000)
  assert.ok(existsSync(join(gitDir, 'refs/heads/a.lock')))
})

test('as long as another process is at work there, all stays', async () => {
  await using folder = await temporaryFolder()
  const gitDir = await repository(folder.path)
  await leave(gitDir)
  const other = spawn('sleep', ['60'], { cwd: gitDir, stdio: 'ignore' })
  await once(other, 'spawn')
  try {
    assert.deepEqual(await removeFetchLeftovers(gitDir, Date.now() - 60_000), { removed: [], isPostponed: true })
  } finally {
    other.kill()
    await once(other, 'exit')
  }
})
