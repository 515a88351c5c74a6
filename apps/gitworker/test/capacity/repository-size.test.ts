import assert from 'node:assert/strict'
import { mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { RepositorySizes } from '../../src/capacity/repository-size.ts'

async function objects() {
  const folder = await temporaryFolder()
  const path = join(folder.path, 'objects')
  for (const name of ['pack', 'info', 'ab']) await mkdir(join(path, name), { recursive: true })
  return { path, folder: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const put = (path: string, bytes: number) => writeFile(path, Buffer.alloc(bytes))

test('packs and loose objects count; what is unfinished or borrowed does not', async () => {
  await using it = await objects()
  const sizes = new RepositorySizes()
  assert.equal(await sizes.of(it.path), 0)
  await put(join(it.path, 'pack/pack-1.pack'), 1000)
  await put(join(it.path, 'pack/pack-1.idx'), 100)
  await put(join(it.path, 'pack/tmp_pack_x'), 5000)
  await put(join(it.path, 'ab/cdef'), 10)
  await put(join(it.path, 'info/alternates'), 4000)
  await mkdir(join(it.path, 'tmp_objdir-incoming-x'))
  await put(join(it.path, 'tmp_objdir-incoming-x/pack'), 7000)
  assert.equal(await sizes.of(it.path), 1110)
  assert.equal(await sizes.of(join(it.folder, 'missing')), 0)
})

test('a change is noticed, and so is a folder on another disk', async () => {
  await using it = await objects()
  const sizes = new RepositorySizes()
  await put(join(it.path, 'ab/1'), 10)
  const old = new Date(Date.now() - 60_000)
  await utimes(join(it.path, 'ab'), old, old)
  assert.equal(await sizes.of(it.path), 10)
  await put(join(it.path, 'ab/2'), 20)
  assert.equal(await sizes.of(it.path), 30)
  await rename(join(it.path, 'pack'), join(it.folder, 'elsewhere'))
  await put(join(it.folder, 'elsewhere/pack-2.pack'), 500)
  await symlink(join(it.folder, 'elsewhere'), join(it.path, 'pack'))
  assert.equal(await sizes.of(it.path), 530)
})

test('of many loose objects, some are looked at', async () => {
  await using it = await objects()
  await Promise.all(Array.from({ length: 200 }, (_, index) => put(join(it.path, 'ab', String(index)), 50)))
  assert.equal(await new RepositorySizes().of(it.path), 10_000)
})
