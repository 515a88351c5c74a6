import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { isWrittenInOrder } from '../../src/repository/written-in-order.ts'

const ordered = () => Promise.resolve(true)

/** Of another device than other temporary folders. */
const elsewhere = '/dev/shm'

test('a repository whose objects are on another disk is not written in order', async (t) => {
  await using folder = await temporaryFolder()
  await git(folder.path, ['init', '--bare', '--quiet', '.'])
  assert.equal(await isWrittenInOrder(folder.path, ordered), true)
  assert.equal(await isWrittenInOrder(folder.path, () => Promise.resolve(false)), false)
  await rename(join(folder.path, 'objects'), join(folder.path, 'moved'))
  await symlink('moved', join(folder.path, 'objects'))
  assert.equal(await isWrittenInOrder(folder.path, ordered), true)
  const other = await mkdtemp(join(elsewhere, 'sluice-')).catch(() => undefined)
  if (other === undefined) return t.skip(`There is no ${elsewhere} here.`)
  try {
    await rm(join(folder.path, 'objects'))
    await symlink(other, join(folder.path, 'objects'))
    assert.equal(await isWrittenInOrder(folder.path, ordered), false)
  } finally {
    await rm(other, { recursive: true })
  }
})
