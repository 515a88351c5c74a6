import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { ChunkQueue } from '../../../../src/cache/packs/stream/chunk-queue.ts'
import { SpoolFolder } from '../../../../src/cache/packs/spool/spool-folder.ts'
import { Spool } from '../../../../src/cache/packs/spool/spool.ts'
import { openFiles } from '../../../support/pack-producer.ts'

async function openSpool(budget = 2 ** 20) {
  const temporary = await temporaryFolder()
  const folder = new SpoolFolder(temporary.path, budget, () => false)
  const spool = new Spool(folder)
  return {
    folder,
    spool,
    path: temporary.path,
    async [Symbol.asyncDispose]() {
      spool.close()
      await folder.closed()
      assert.deepEqual(openFiles(temporary.path), [])
      await temporary[Symbol.asyncDispose]()
    },
  }
}

test('appended bytes can be read from any position, however many chunks they came in', async () => {
  await using opened = await openSpool()
  const { spool } = opened
  const chunks = Array.from({ length: 3000 }, (_, index) => Buffer.from(String(index % 10)))
  assert.equal(await spool.append(chunks), 3000)
  assert.equal(await spool.append([Buffer.from('the end')]), 7)
  const buffer = Buffer.alloc(100)
  assert.equal(await spool.read(buffer, 2998), 9)
  assert.equal(buffer.toString('utf8', 0, 9), '89the end')
})

test('no more is read than was announced as written', async () => {
  await using opened = await openSpool()
  await opened.spool.append([Buffer.from('abc')])
  writeFileSync(openFiles(opened.path)[0]!.split(' ')[0]!, 'abcdef')
  assert.equal(await opened.spool.read(Buffer.alloc(10), 0), 3)
})

for (const operation of ['read', 'append'] as const) {
  test(`a descriptor is not closed under a pending ${operation}`, async () => {
    const { spool, folder } = await openSpool()
    await spool.append([Buffer.from('abc')])
    const pending = operation === 'read' ? spool.read(Buffer.alloc(3), 0) : spool.append([Buffer.from('abc')])
    spool.close()
    assert.equal(folder.spools, 1)
    assert.equal(await pending, 3)
    assert.deepEqual([folder.spools, folder.bytes], [0, 0])
    await folder.closed()
  })
}

test('bytes beyond the budget are not written', async () => {
  await using opened = await openSpool(5)
  await opened.spool.append([Buffer.from('abc')])
  await assert.rejects(opened.spool.append([Buffer.from('def')]), { name: 'SpoolBudgetError' })
  assert.deepEqual([opened.spool.bytes, opened.folder.bytes], [3, 3])
  assert.equal(await opened.spool.read(Buffer.alloc(10), 0), 3)
})

test('a queue forgets up to any position, also in the middle of a chunk', () => {
  const queue = new ChunkQueue()
  for (const text of ['abc', 'def', 'ghi']) queue.push(Buffer.from(text))
  const rest = () => [queue.start, queue.bytes, Buffer.concat([...queue.chunks]).toString()]
  queue.dropUntil(3)
  assert.deepEqual(rest(), [3, 6, 'defghi'])
  assert.equal(queue.chunks.length, 2)
  queue.dropUntil(4)
  assert.deepEqual(rest(), [4, 5, 'efghi'])
  queue.dropUntil(2)
  assert.deepEqual(rest(), [4, 5, 'efghi'])
  assert.equal(queue.shift()?.toString(), 'ef')
  queue.dropUntil(100)
  assert.deepEqual(rest(), [9, 0, ''])
  queue.push(Buffer.from('jkl'))
  queue.clear()
  assert.deepEqual(rest(), [12, 0, ''])
  assert.equal(queue.shift(), undefined)
})
