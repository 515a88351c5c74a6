import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { BodyReader } from '../../src/exchange/body-reader.ts'
import { until } from '../../testing/until.ts'

const never = new AbortController().signal

function openBody() {
  const source = new PassThrough()
  source.on('error', () => {})
  const counted = { bytes: 0 }
  return { source, counted, body: new BodyReader(source, (count) => (counted.bytes += count)) }
}

function roomFor(bytes: number) {
  const room = { left: bytes, take: (count: number) => void (room.left -= count) }
  return room
}

test('a body is read in parts, in order, and each byte is counted once', async () => {
  const { source, counted, body } = openBody()
  source.write('beginning, ')
  const first = await body.read(5, never)
  assert.deepEqual([first.bytes.toString(), first.isWhole], ['beginning, ', false])
  {
    using _ahead = body.readAhead(roomFor(100))
    source.write('more, ')
    await until('more', () => counted.bytes === 17)
  }
  source.write('most, ')
  const second = await body.read(7, never)
  assert.deepEqual([second.bytes.toString(), second.isWhole], ['more, most, ', false])
  source.end('the end')
  const sink = new PassThrough()
  await body.pumpTo(sink)
  sink.end()
  assert.equal((await buffer(sink)).toString(), 'the end')
  assert.equal(counted.bytes, 30)
})

test('what was read ahead is given to the sink first, or taken', async () => {
  const { source, counted, body } = openBody()
  source.write('ahead, ')
  const ahead = body.readAhead(roomFor(100))
  await until('it', () => counted.bytes === 7)
  source.end('after')
  await until('the rest', () => counted.bytes === 12)
  ahead[Symbol.dispose]()
  const sink = new PassThrough()
  const sizes: number[] = []
  await body.pumpTo(sink, (count) => sizes.push(count))
  sink.end()
  assert.equal((await buffer(sink)).toString(), 'ahead, after')
  assert.deepEqual(sizes, [7, 5])
  assert.deepEqual(body.take(), [])
})

test('no more is read ahead than there is room for', async () => {
  const { source, counted, body } = openBody()
  const room = roomFor(10)
  using _ahead = body.readAhead(room)
  source.write('0123456789')
  await until('it', () => room.left === 0)
  source.write('more')
  await new Promise(setImmediate)
  assert.equal(counted.bytes, 10)
  assert.equal(source.readableLength, 4)
})

test('the end of a body is reported, also if it was read ahead', async () => {
  const { source, body } = openBody()
  source.end('all')
  const all = await body.read(100, never)
  assert.deepEqual([all.bytes.toString(), all.isWhole], ['all', true])
  const nothing = await body.read(1, never)
  assert.deepEqual([nothing.bytes.length, nothing.isWhole], [0, true])
})

test('a part that was read ahead needs no more of the source', async () => {
  const { source, counted, body } = openBody()
  source.write('0123456789')
  const ahead = body.readAhead(roomFor(100))
  await until('it', () => counted.bytes === 10)
  ahead[Symbol.dispose]()
  assert.equal((await body.read(3, never)).bytes.length, 10)
})

test('a reader gets an abort, an error or an early end, whether it comes before the read or during it', async () => {
  const { source, body } = openBody()
  const controller = new AbortController()
  const reading = body.read(1, controller.signal)
  controller.abort(new Error('gone'))
  await assert.rejects(reading, /gone/)
  await assert.rejects(body.read(1, controller.signal), /gone/)
  const failing = body.read(1, never)
  source.destroy(new Error('broken'))
  await assert.rejects(failing, /broken/)
  await assert.rejects(body.read(1, never), /broken/)

  const cut = openBody()
  const cutting = cut.body.read(1, never)
  cut.source.destroy()
  await assert.rejects(cutting, /closed before its end/)
  await assert.rejects(cut.body.read(1, never), /closed before its end/)
})

test('disposing of a read-ahead twice does not stop the next reader', async () => {
  const { source, body } = openBody()
  const ahead = body.readAhead(roomFor(100))
  ahead[Symbol.dispose]()
  const reading = body.read(4, never)
  ahead[Symbol.dispose]()
  source.end('rest')
  assert.equal((await reading).bytes.toString(), 'rest')
})
