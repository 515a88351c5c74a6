import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { isLockPath } from '../../../src/lfs/locks/lock-path.ts'
import { Locks } from '../../../src/lfs/locks/locks.ts'

const everything = { path: undefined, id: undefined, cursor: undefined, limit: undefined }

describe('the locks of a repository', () => {
  test('are kept for the next process, with their owner, and end with their number', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'lfs', 'locks.json')
    const { lock, isNew } = await new Locks().create(file, 'art/hero.psd', 'ann')
    assert.ok(isNew)
    assert.match(lock.lockedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.deepEqual((await new Locks().list(file, everything)).locks, [lock])
    assert.deepEqual(await new Locks().unlock(file, lock.id, 'ann', false), lock)
    const again = await new Locks().create(file, 'art/hero.psd', 'ben')
    assert.equal(again.lock.id, lock.id + 1, 'a number is not used twice')
  })

  test('go to one of those who ask at once', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'locks.json')
    const locks = new Locks()
    const users = Array.from({ length: 50 }, (_, index) => `user ${index}`)
    const got = await Promise.all(users.map((user) => locks.create(file, 'one', user)))
    assert.equal(got.filter(({ isNew }) => isNew).length, 1)
    const { owner } = got.find(({ isNew }) => isNew)!.lock
    for (const { lock } of got) assert.equal(lock.owner, owner)
  })

  test('are kept although others remove their folder while it is empty', async () => {
    await using folder = await temporaryFolder()
    const locks = new Locks()
    for (let index = 0; index < 100; index++) {
      const lfs = join(folder.path, `${index}.git`, 'lfs')
      await mkdir(lfs, { recursive: true })
      const removals = Array.from({ length: 6 }, () => rmdir(lfs).catch(() => {}))
      const [{ isNew }] = await Promise.all([locks.create(join(lfs, 'locks.json'), 'one', 'ann'), ...removals])
      assert.ok(isNew)
    }
  })

  test('of different files do not undo each other', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'locks.json')
    const locks = new Locks()
    await Promise.all(Array.from({ length: 40 }, (_, index) => locks.create(file, `file ${index}`, 'ann')))
    assert.equal((await locks.list(file, everything)).locks.length, 40)
  })

  test('of others stay without force', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'locks.json')
    const locks = new Locks()
    const { lock } = await locks.create(file, 'one', 'ann')
    await assert.rejects(locks.unlock(file, lock.id, 'ben', false), { reason: 'lfs_lock_of_another' })
    await assert.rejects(locks.unlock(file, lock.id, undefined, false), { reason: 'lfs_lock_of_another' })
    await assert.rejects(locks.unlock(file, lock.id + 1, 'ann', true), { reason: 'lfs_lock_missing' })
    await locks.unlock(file, lock.id, 'ben', true)
    assert.deepEqual((await locks.list(file, everything)).locks, [])
  })

  test('come in pages, the latest first, and none is missed when some come and go meanwhile', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'locks.json')
    const locks = new Locks()
    for (let index = 0; index < 7; index++) await locks.create(file, `file ${index}`, 'ann')
    const seen: number[] = []
    let cursor: number | undefined
    do {
      const page = await locks.list(file, { ...everything, cursor, limit: 3 })
      seen.push(...page.locks.map(({ id }) => id))
      if (cursor === undefined) {
        await locks.create(file, 'a new one', 'ann')
        await locks.unlock(file, 6, 'ann', false)
      }
      cursor = page.nextCursor === undefined ? undefined : Number(page.nextCursor)
    } while (cursor !== undefined)
    assert.deepEqual(seen, [7, 6, 5, 4, 3, 2, 1])
    const one = await locks.list(file, { ...everything, path: 'file 2' })
    assert.deepEqual([one.locks.length, one.locks[0]!.id, one.nextCursor], [1, 3, undefined])
    assert.deepEqual((await locks.list(file, { ...everything, id: 99 })).locks, [])
  })

  test('are bounded in number and in size', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'locks.json')
    const entry = (id: number, path: string) => ({ id, path, owner: 'ann', lockedAt: '2026-01-01T00:00:00Z' })
    const many = Array.from({ length: 10_000 }, (_, index) => entry(index + 1, `file ${index}`))
    await writeFile(file, JSON.stringify({ version: 1, next: 10_001, locks: many }))
    await assert.rejects(new Locks().create(file, 'one more', 'ann'), { reason: 'lfs_too_many_locks' })
    const long = Array.from({ length: 1930 }, (_, index) => entry(index + 1, 'x'.repeat(1000) + index))
    await writeFile(file, JSON.stringify({ version: 1, next: 1931, locks: long }))
    const locks = new Locks()
    const outcomes = []
    while (outcomes.at(-1) !== 'lfs_too_many_locks') {
      const asked = locks.create(file, `${'y'.repeat(1000)}${outcomes.length}`, 'ann'.repeat(80))
      outcomes.push(await asked.then(({ isNew }) => isNew).catch(({ reason }) => reason))
    }
    assert.deepEqual([...new Set(outcomes)], [true, 'lfs_too_many_locks'])
    const { length } = await readFile(file)
    assert.ok(length <= 2 * 1024 * 1024, `${length}`)
  })

  test('that cannot be read are not replaced', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'locks.json')
    for (const text of ['', '{"version":1,"next":1,"locks":[', '{"version":2,"next":1,"locks":[]}', '[]']) {
      await writeFile(file, text)
      await assert.rejects(new Locks().create(file, 'one', 'ann'), { reason: 'lfs_locks_unreadable' })
      await assert.rejects(new Locks().list(file, everything), { reason: 'lfs_locks_unreadable' })
      assert.equal(await readFile(file, 'utf8'), text)
    }
    await mkdir(join(folder.path, 'folder'))
    await assert.rejects(new Locks().list(join(folder.path, 'folder'), everything), { reason: 'lfs_locks_unreadable' })
  })

  test('do not queue without a bound', async () => {
    await using folder = await temporaryFolder()
    const locks = new Locks()
    const file = join(folder.path, 'locks.json')
    const asked = Array.from({ length: 101 }, () => locks.create(file, 'one', 'ann'))
    const answers = await Promise.allSettled(asked)
    assert.equal(answers.filter(({ status }) => status === 'rejected').length, 1)
    await locks.create(file, 'two', 'ann')
  })
})

test('what was acknowledged outlives a kill at any moment, and no other file is left for long', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'lfs', 'locks.json')
  const program = fileURLToPath(new URL('./locks-on-and-on.ts', import.meta.url))
  const acknowledged: string[] = []
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [program, file, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    let count = 0
    for await (const line of createInterface(child.stdout)) {
      acknowledged.push(line)
      // At another moment of the work each time.
      if (++count === 3 + round) setTimeout(() => child.kill('SIGKILL'), round / 3)
    }
    await exited
  }
  const { locks } = await new Locks().list(file, everything)
  const paths = new Set(locks.map(({ path }) => path))
  assert.deepEqual(
    acknowledged.filter((path) => !paths.has(path)),
    [],
  )
  assert.equal(new Set(locks.map(({ id }) => id)).size, locks.length)
  await new Locks().create(file, 'the last', 'ann')
  assert.deepEqual(await readdir(dirname(file)), ['locks.json'])
})

test('a path is that of a file that git can check out', () => {
  for (const path of ['a', 'a/b c/ü.psd', '.gitattributes', 'x'.repeat(1024), 'a\\b', '-rf', '...']) {
    assert.ok(isLockPath(path), path)
  }
  const wrong = [
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    './a',
    '.git/config',
    'a/.GIT/x',
    'a\nb',
    'a\u0000',
    '\u009b',
    '\ud800',
    'x'.repeat(1025),
  ]
  for (const path of wrong) assert.ok(!isLockPath(path), JSON.stringify(path))
})
