import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { rangeIn } from '../../src/lfs/transfer/byte-range.ts'

test('one range of bytes is served, as far as the object has them', () => {
  assert.deepEqual(rangeIn('bytes=0-0', 10), { start: 0, end: 0 })
  assert.deepEqual(rangeIn('bytes=4-', 10), { start: 4, end: 9 })
  assert.deepEqual(rangeIn('bytes=4-99', 10), { start: 4, end: 9 })
  assert.deepEqual(rangeIn('bytes=-3', 10), { start: 7, end: 9 })
  assert.deepEqual(rangeIn('bytes=-99', 10), { start: 0, end: 9 })
})

test('what is not one range of bytes is ignored', () => {
  for (const header of [
    undefined,
    '',
    'bytes',
    'bytes=-',
    'bytes=0-1,3-4',
    'lines=0-1',
    'bytes=5-4',
    `bytes=${'9'.repeat(17)}-`,
  ]) {
    assert.equal(rangeIn(header, 10), undefined, header)
  }
})

test('a range beyond the end is refused, with the size', () => {
  for (const [header, size] of [
    ['bytes=10-', 10],
    ['bytes=10-20', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-1', 0],
  ] as const) {
    assert.throws(
      () => rangeIn(header, size),
      (error: unknown) => error instanceof Refusal && error.headers['Content-Range'] === `bytes */${size}`,
      header,
    )
  }
})
