import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionLimit, ownDescriptors } from '../../src/connections/connection-limit.ts'

test('auto is ten thousand where descriptors suffice, or nobody knows how many there are', () => {
  assert.deepEqual(connectionLimit('auto', 524_288, 2), { limit: 10_000 })
  assert.deepEqual(connectionLimit('auto', undefined, 2), { limit: 10_000 })
})

test('auto is as many as there are descriptors for, the process’s own left out', () => {
  assert.deepEqual(connectionLimit('auto', 1000 + ownDescriptors, 2), { limit: 500 })
  assert.deepEqual(connectionLimit('auto', 1000 + ownDescriptors, 1), { limit: 1000 })
})

test('there is always one', () => {
  assert.deepEqual(connectionLimit('auto', 10, 2), { limit: 1 })
})

test('a number that fits is taken', () => {
  assert.deepEqual(connectionLimit(500, 1000 + ownDescriptors, 2), { limit: 500 })
  assert.deepEqual(connectionLimit(50_000, undefined, 2), { limit: 50_000 })
})

test('a number that is too large is kept, with a warning that says how many would fit', () => {
  const { limit, warning } = connectionLimit(501, 1000 + ownDescriptors, 2)
  assert.equal(limit, 501)
  assert.match(warning ?? '', /SLUICE_MAX_CONNECTIONS=501 .* 500 connections/)
})
