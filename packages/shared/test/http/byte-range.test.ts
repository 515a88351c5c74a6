import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rangeOf } from '../../src/http/byte-range.ts'

const of = (range: string | undefined, begun?: string) => rangeOf({ range, 'if-range': begun }, 1000, '"tag"')

test('one part of a file is served, from its beginning, its end, or in between', () => {
  assert.deepEqual(of('bytes=0-0'), { start: 0, end: 0 })
  assert.deepEqual(of('bytes=100-199'), { start: 100, end: 199 })
  assert.deepEqual(of('bytes=900-'), { start: 900, end: 999 })
  assert.deepEqual(of('Bytes=-10'), { start: 990, end: 999 })
  assert.deepEqual(of('bytes=-5000'), { start: 0, end: 999 })
  assert.deepEqual(of('bytes=999-5000'), { start: 999, end: 999 })
})

test('what begins beyond the end cannot be served', () => {
  for (const range of ['bytes=1000-', 'bytes=5000-6000', 'bytes=-0']) assert.equal(of(range), 'unsatisfiable', range)
})

test('what is no range, or several, or is in reverse, is the whole', () => {
  for (const range of [undefined, '', 'bytes=-', 'bytes=5-1', 'bytes=0-1,5-6', 'lines=0-1', 'bytes=a-b', 'bytes=1']) {
    assert.equal(of(range), undefined, range)
  }
  assert.equal(of(`bytes=${'9'.repeat(400)}-`), undefined)
})

test('a client that has begun with another version gets the whole', () => {
  assert.deepEqual(of('bytes=0-9', '"tag"'), { start: 0, end: 9 })
  for (const begun of ['"other"', 'W/"tag"', 'Thu, 01 Jan 1970 00:00:00 GMT']) {
    assert.equal(of('bytes=0-9', begun), undefined)
  }
})
