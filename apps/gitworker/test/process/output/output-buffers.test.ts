import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveBack, keep, lend, outputBufferBytes, takeBuffer } from '../../../src/process/output/output-buffers.ts'

test('a buffer is used again when its chunk has been given back, and not before', () => {
  const first = takeBuffer()
  const chunk = lend(first, 0, 10)
  assert.notEqual(takeBuffer(), first)
  giveBack(chunk)
  assert.equal(takeBuffer(), first)
})

test('a chunk that is given back twice, after its buffer has been lent again, gives nothing back', () => {
  const buffer = takeBuffer()
  const before = lend(buffer, 0, 10)
  giveBack(before)
  assert.equal(takeBuffer(), buffer)
  lend(buffer, 0, 10)
  giveBack(before)
  assert.notEqual(takeBuffer(), buffer)
})

test('what is kept, and what was never lent, is not used again', () => {
  const buffer = takeBuffer()
  const chunk = lend(buffer, 0, 10)
  keep(chunk)
  for (const other of [chunk, chunk.subarray(1), buffer, Buffer.alloc(outputBufferBytes)]) {
    giveBack(other)
    assert.notEqual(takeBuffer(), other)
    assert.notEqual(takeBuffer(), buffer)
  }
})
