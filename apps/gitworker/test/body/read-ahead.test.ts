import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { BodyReader } from '@sluice/shared/exchange/body-reader'
import { until } from '@sluice/shared/testing/until'
import { readAhead, ReadAheadBudget } from '../../src/body/read-ahead.ts'

function bytesIn(chunks: Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

function* manyChunks(): Generator<Buffer> {
  for (let n = 0; n < 64; n++) yield Buffer.alloc(64 * 1024)
}

test('a stream is read on, in order, until the reader is disposed of; the rest stays in it', async () => {
  const stream = new PassThrough()
  const budget = new ReadAheadBudget()
  let bytes = 0
  stream.write('first ')
  const body = new BodyReader(stream, (count) => (bytes += count))
  const reader = readAhead(body, budget)
  await until('the first', () => bytes === 6)
  stream.write('second ')
  await until('the second', () => bytes === 13)
  assert.equal(Buffer.concat(body.take()).toString(), 'first second ')
  reader[Symbol.dispose]()
  stream.end('third')
  const rest = await stream.toArray()
  assert.equal(Buffer.concat(rest).toString(), 'third')
})

test('no more than a mebibyte of one stream is read, and no more than the budget of all', async () => {
  const budget = new ReadAheadBudget(1.5 * 2 ** 20)
  const read = [0, 1].map(() => {
    const stream = Readable.from(manyChunks(), { objectMode: false })
    const body = new BodyReader(stream, () => {})
    return { body, reader: readAhead(body, budget) }
  })
  await until('the budget to be used up', () => budget.left <= 0)
  await new Promise(setImmediate)
  const sizes = read.map(({ body }) => bytesIn(body.take()))
  assert.ok(
    sizes.every((size) => size >= 2 ** 18 && size <= 2 ** 20 + 128 * 1024),
    String(sizes),
  )
  assert.ok(sizes[0]! + sizes[1]! <= 1.5 * 2 ** 20 + 128 * 1024, String(sizes))
  for (const { reader } of read) reader[Symbol.dispose]()
  assert.equal(budget.left, 1.5 * 2 ** 20)
})
