import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readHostRecord, writeHostRecord } from '../../src/placement/host-record.ts'

const record = { address: 'a:1', version: '1', weight: 100, zone: '', run: 'x', isLeaving: false }

test('a host of a newer version is understood', () => {
  assert.deepEqual(readHostRecord(writeHostRecord(record)), record)
  assert.deepEqual(readHostRecord(JSON.stringify({ ...record, colour: 'green' })), record)
  for (const value of ['', '{', '[]', JSON.stringify({ ...record, weight: -1 })]) {
    assert.equal(readHostRecord(value), undefined)
  }
})
