import assert from 'node:assert/strict'
import { PassThrough, Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { pump } from '../../src/exchange/pump.ts'

test('everything arrives, is counted, and the sink is left open', async () => {
  const sink = new PassThrough()
  let counted = 0
  await pump(Readable.from([Buffer.from('ab'), Buffer.from('c')]), sink, (count) => void (counted += count))
  assert.equal(counted, 3)
  assert.equal(sink.writableEnded, false)
  assert.equal(sink.read().toString(), 'abc')
})

test('what onBytes returns for a chunk is written in its place', async () => {
  const sink = new PassThrough()
  const source = Readable.from([Buffer.from('ab'), Buffer.from('c')])
  await pump(source, sink, (count) => (count === 2 ? Buffer.from('instead ') : undefined))
  assert.equal(sink.read().toString(), 'instead c')
})

test('a slow sink holds the source back', async () => {
  let read = 0
  const source = new Readable({
    highWaterMark: 1,
    read() {
      this.push(++read > 100 ? null : Buffer.alloc(1024))
    },
  })
  const waiting: (() => void)[] = []
  const sink = new Writable({ highWaterMark: 4096, write: (_chunk, _encoding, done) => void waiting.push(done) })
  const done = pump(source, sink, () => {})
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(read < 10, `${read} chunks were read before the sink took one`)
  const feeding = setInterval(() => waiting.splice(0).forEach((next) => next()), 1)
  await done
  clearInterval(feeding)
  assert.equal(read, 101)
})

test('the pump rejects with the source’s error', async () => {
  const source = new PassThrough()
  const done = pump(source, new PassThrough(), () => {})
  source.destroy(new Error('broken'))
  await assert.rejects(done, /broken/)
})

test('an error that onBytes throws ends the pump, and leaves the source to its owner', async () => {
  const source = new PassThrough()
  const done = pump(source, new PassThrough(), () => {
    throw new Error('too much')
  })
  source.write('x')
  await assert.rejects(done, /too much/)
  assert.equal(source.destroyed, false)
})

test('a source that broke before the pump began keeps its error', async () => {
  const source = new PassThrough()
  source.on('error', () => {})
  source.destroy(new Error('broken before'))
  await new Promise((resolve) => source.on('close', resolve))
  await assert.rejects(
    pump(source, new PassThrough(), () => {}),
    /broken before/,
  )
})

test('a source that closes before its end is an error', async () => {
  const source = new PassThrough()
  const done = pump(source, new PassThrough(), () => {})
  source.destroy()
  await assert.rejects(done, /closed before its end/)
})

test('a sink that closes ends the pump, and the source can be drained', async () => {
  const source = new PassThrough()
  const sink = new PassThrough()
  const done = pump(source, sink, () => {})
  sink.destroy()
  await done
  assert.equal(source.destroyed, false)
  assert.equal(source.listenerCount('data'), 0)
})
