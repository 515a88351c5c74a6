import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PackReader } from '../../../src/cache/packs/stream/pack-reader.ts'
import type { SharedPack } from '../../../src/cache/packs/shared-pack.ts'
import { SlowReaders } from '../../../src/cache/packs/slow-readers.ts'

const kibi = 1024

/** A stand-in for a pack that one reader holds back. */
class Stream {
  /** The position of its reader. */
  position = 0
  produced = 0
  isWaitedFor = false
  isHeldBack = true
  ranAhead = 0
  ended: Error | undefined
  readonly #readers: readonly PackReader[]

  constructor() {
    const position = () => this.position
    const reader = {
      get position() {
        return position()
      },
      end: (error: Error) => {
        this.ended ??= error
        this.isHeldBack = false
      },
    }
    this.#readers = [reader as unknown as PackReader]
  }

  get producer() {
    return this
  }

  get heldBackBy() {
    return this.isHeldBack ? this.#readers : []
  }

  get heldUpBy() {
    return []
  }

  runAhead() {
    this.ranAhead++
  }
}

function watch(streams: readonly Stream[], { mayRunAhead = false, minBytesPerSecond = 4 * kibi } = {}) {
  const slow = new SlowReaders({
    isWaitedFor: (producer) => (producer as unknown as Stream).isWaitedFor,
    minBytesPerSecond,
    windowMs: 20_000,
    tooSlow: () => new Error('too slow'),
  })
  let now = 0
  /** In each half second, every reader takes what its pace allows. */
  return (seconds: number, paces: readonly number[] = []) => {
    for (let turn = 0; turn < 2 * seconds; turn++) {
      for (const [index, stream] of streams.entries()) stream.position += (paces[index] ?? 0) / 2
      slow.look(streams as unknown as SharedPack[], mayRunAhead, (now += 500))
    }
    return streams.map(({ ended }) => ended !== undefined)
  }
}

test('a producer that is held back only briefly does not run ahead, nor does one with a fast reader', () => {
  const [moment, fast, slow] = [new Stream(), new Stream(), new Stream()]
  const pass = watch([moment, fast, slow], { mayRunAhead: true })
  pass(0.5)
  moment.isHeldBack = false
  fast.produced += 64 * kibi ** 2
  pass(0.5)
  assert.deepEqual([moment.ranAhead, fast.ranAhead, slow.ranAhead], [0, 0, 1])
})

test('a producer whose slot is waited for runs ahead, even of a fast reader', () => {
  const fast = new Stream()
  const pass = watch([fast], { mayRunAhead: true })
  for (let turn = 0; turn < 10; turn++) {
    fast.produced += 64 * kibi ** 2
    pass(0.5)
  }
  assert.equal(fast.ranAhead, 0)
  fast.isWaitedFor = true
  fast.produced += 64 * kibi ** 2
  pass(0.5)
  assert.equal(fast.ranAhead, 1)
})

test('no reader is ended while no request waits, however slow it is', () => {
  assert.deepEqual(watch([new Stream(), new Stream()])(600), [false, false])
})

test('the slowest is ended first, and the next one later, as long as a request waits', () => {
  const streams = [new Stream(), new Stream(), new Stream()]
  const pass = watch(streams)
  const paces = [3 * kibi, 1 * kibi, 5 * kibi]
  pass(30, paces)
  for (const stream of streams) stream.isWaitedFor = true
  assert.deepEqual(pass(1, paces), [false, true, false])
  assert.deepEqual(pass(1, paces), [true, true, false])
  assert.deepEqual(pass(600, paces), [true, true, false])
})

test('only a reader whose slot helps those who wait is ended', () => {
  const streams = [new Stream(), new Stream()]
  const pass = watch(streams)
  pass(30, [0, 1])
  streams[1]!.isWaitedFor = true
  assert.deepEqual(pass(10, [0, 1]), [false, true])
})

test('a reader is judged by a whole window in which it was waited for', () => {
  const stream = new Stream()
  const pass = watch([stream])
  stream.isWaitedFor = true
  assert.deepEqual(pass(19), [false])
  stream.isHeldBack = false
  pass(0.5)
  stream.isHeldBack = true
  assert.deepEqual(pass(20), [false])
  assert.deepEqual(pass(1), [true])
})

test('a reader that takes enough in each window is left alone, also if it takes it in bursts', () => {
  const stream = new Stream()
  const pass = watch([stream])
  stream.isWaitedFor = true
  for (let burst = 0; burst < 20; burst++) {
    pass(19)
    stream.position += 100 * kibi
    assert.deepEqual(pass(0.5), [false])
  }
})

test('without a minimum rate, no reader is ended', () => {
  const stream = new Stream()
  stream.isWaitedFor = true
  assert.deepEqual(watch([stream], { minBytesPerSecond: 0 })(600), [false])
})
