import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { DiskStorage } from '../../src/lfs/storage/disk/disk-storage.ts'
import { pathOf } from '../../src/lfs/storage/disk/object-paths.ts'
import { UploadNotes } from '../../src/lfs/storage/disk/upload-notes.ts'
import type { LfsPlace, LfsStorage } from '../../src/lfs/storage/lfs-storage.ts'

const log = pino({ level: 'silent' })
const oidOf = (content: string) => createHash('sha256').update(content).digest('hex')

async function open() {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const place = { repository: 'a', gitDir: join(path, 'a.git') }
  const runFolder = join(path, 'run')
  await mkdir(place.gitDir)
  const storage: LfsStorage = new DiskStorage(UploadNotes.open(runFolder, log))
  const parts = opened.move()
  return { path, runFolder, place, storage, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

async function store(storage: LfsStorage, place: LfsPlace, content: string, oid = oidOf(content)): Promise<boolean> {
  await using object = await storage.receive(place, oid)
  for (const part of content.match(/[^]{1,3}/g) ?? []) object.sink.write(Buffer.from(part))
  return await object.store()
}

async function list(storage: LfsStorage, place: LfsPlace) {
  const objects = new Map<string, number>()
  for await (const { oid, size } of storage.list(place)) objects.set(oid, size)
  return objects
}

const isDifferent = (error: unknown) => error instanceof Refusal && error.reason === 'lfs_object_differs'

describe('the disk', () => {
  test('stores an object under its hash, and gives it back whole or in part', async () => {
    await using t = await open()
    const oid = oidOf('one object')
    assert.equal(await t.storage.sizeOf(t.place, oid), undefined)
    assert.equal(await t.storage.open(t.place, oid), undefined)
    assert.equal(await store(t.storage, t.place, 'one object'), true)
    assert.equal(await store(t.storage, t.place, 'one object'), false)
    assert.equal(await t.storage.sizeOf(t.place, oid), 10)
    assert.equal(await readFile(pathOf(t.place.gitDir, oid), 'utf8'), 'one object')
    for (const [range, content] of [
      [undefined, 'one object'],
      [{ start: 4, end: 6 }, 'obj'],
    ] as const) {
      await using object = await t.storage.open(t.place, oid)
      assert.equal(await text(object!.stream(range)), content)
    }
    assert.deepEqual(await list(t.storage, t.place), new Map([[oid, 10]]))
    assert.deepEqual(await readdir(join(t.place.gitDir, 'lfs')), ['objects'])
  })

  test('stores nothing that is not the object, whether or not it has that one', async () => {
    await using t = await open()
    await assert.rejects(store(t.storage, t.place, 'another', oidOf('one')), isDifferent)
    assert.equal(existsSync(join(t.place.gitDir, 'lfs')), false)
    await store(t.storage, t.place, 'one')
    await assert.rejects(store(t.storage, t.place, 'another', oidOf('one')), isDifferent)
    assert.equal(await readFile(pathOf(t.place.gitDir, oidOf('one')), 'utf8'), 'one')
  })

  test('leaves nothing of an upload that is given up', async () => {
    await using t = await open()
    {
      await using object = await t.storage.receive(t.place, oidOf('one'))
      object.sink.write(Buffer.from('o'))
      assert.equal((await readdir(join(t.runFolder, 'uploads'))).length, 1)
      assert.equal((await readdir(join(t.place.gitDir, 'lfs/incoming'))).length, 1)
    }
    assert.deepEqual(await readdir(t.place.gitDir), [])
    assert.deepEqual(await readdir(join(t.runFolder, 'uploads')), [])
  })

  test('stores many at once in folders that others remove meanwhile', async () => {
    await using t = await open()
    const contents = Array.from({ length: 60 }, (_, index) => `object ${index % 20}`)
    const wrong = contents.map(() => store(t.storage, t.place, 'wrong', oidOf('right')).catch(() => {}))
    await Promise.all([...wrong, ...contents.map((content) => store(t.storage, t.place, content))])
    assert.equal((await list(t.storage, t.place)).size, 20)
    assert.deepEqual(await readdir(join(t.place.gitDir, 'lfs')), ['objects'])
  })

  test('lists and removes nothing but objects', async () => {
    await using t = await open()
    await store(t.storage, t.place, 'one')
    const path = pathOf(t.place.gitDir, oidOf('one'))
    await writeFile(join(path, '../README'), '')
    await writeFile(join(t.place.gitDir, 'lfs/objects/logs'), '')
    assert.deepEqual([...(await list(t.storage, t.place)).keys()], [oidOf('one')])
    const now = Date.now()
    assert.equal(await t.storage.remove(t.place, oidOf('one'), now - 60_000), false)
    await utimes(path, new Date(0), new Date(0))
    assert.equal(await t.storage.freshen(t.place, oidOf('one')), 3)
    assert.equal(await t.storage.remove(t.place, oidOf('one'), now - 60_000), false)
    await utimes(path, new Date(0), new Date(0))
    assert.equal(await t.storage.remove(t.place, oidOf('one'), now - 60_000), true)
    assert.equal(await t.storage.sizeOf(t.place, oidOf('one')), undefined)
  })

  test('gives a fork the same files, which stay when the origin removes its own', async () => {
    await using t = await open()
    const fork = { repository: 'fork', gitDir: join(t.path, 'fork.git') }
    await mkdir(fork.gitDir)
    await store(t.storage, t.place, 'one')
    await t.storage.share(t.place, fork)
    await t.storage.share(t.place, fork)
    const [own, shared] = [pathOf(t.place.gitDir, oidOf('one')), pathOf(fork.gitDir, oidOf('one'))]
    assert.equal((await stat(own)).ino, (await stat(shared)).ino)
    await t.storage.remove(t.place, oidOf('one'), Date.now() + 1000)
    assert.equal(await readFile(shared, 'utf8'), 'one')
  })
})

describe('what an earlier supervisor has left of uploads', () => {
  test('is removed as far as its notes name it, and nothing else', async () => {
    await using t = await open()
    const folder = join(t.place.gitDir, 'lfs/incoming')
    const [noted, other] = [1, 2].map((n) =>
      join(folder, `${oidOf('one')}.0000000${n}-0000-4000-8000-000000000000`),
    ) as [string, string]
    const strange = join(t.path, 'strange')
    await mkdir(folder, { recursive: true })
    for (const path of [noted, other, strange]) await writeFile(path, 'x')
    for (const [name, path] of Object.entries({ a: noted, b: strange, c: `${other}x`, d: '' })) {
      await writeFile(join(t.runFolder, 'uploads', name), path)
    }
    UploadNotes.open(t.runFolder, log)
    assert.deepEqual([existsSync(noted), existsSync(other), existsSync(strange)], [false, true, true])
    assert.deepEqual(await readdir(join(t.runFolder, 'uploads')), [])
  })

  test(
    'is kept in mind where it cannot be removed now',
    { skip: process.getuid?.() === 0 && 'root may remove all' },
    async () => {
      await using t = await open()
      const folder = join(t.place.gitDir, 'lfs/incoming')
      const path = join(folder, `${oidOf('one')}.00000000-0000-4000-8000-000000000000`)
      await mkdir(folder, { recursive: true })
      await writeFile(path, 'x')
      await writeFile(join(t.runFolder, 'uploads/a'), path)
      await chmod(folder, 0o500)
      UploadNotes.open(t.runFolder, log)
      await chmod(folder, 0o700)
      assert.deepEqual(await readdir(join(t.runFolder, 'uploads')), ['a'])
    },
  )
})
