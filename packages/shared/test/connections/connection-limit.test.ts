import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionLimit, ownDescriptors } from '../../src/connections/connection-limit.ts'

test('auto is ten thousand if there are enough descriptors, or their number is not known', () => {
  assert.deepEqual(connectionLimit('auto', 524_288, 2), { limit: 10_000 })
  assert.deepEqual(connectionLimit('auto', undefined, 2), { limit: 10_000 })
})

test('auto is as many as the descriptors allow, without the process’s own', () => {
  assert.deepEqual(connectionLimit('auto', 1000 + ownDescriptors, 2), { limit: 500 })
  assert.deepEqual(connectionLimit('auto', 1000 + ownDescriptors, 1), { limit: 1000 })
})

test('the limit is one at least', () => {
  assert.deepEqual(connectionLimit('auto', 10, 2), { limit: 1 })
})

test('a configured number that fits is used', () => {
  assert.deepEqual(connectionLimit(500, 1000 + ownDescriptors, 2), { limit: 500 })
  assert.deepEqual(connectionLimit(50_000, undefined, 2), { limit: 50_000 })
})

test('a configured number that is too large is kept, with a warning that says how many would fit', () => {
  const { limit, warning } = connectionLimit(501, 1000 + ownDescriptors, 2)
  assert.equal(limit, 501)
  assert.match(warning ?? '', /SLUICE_MAX_CONNECTIONS=501 .* 500 connections/)
})
