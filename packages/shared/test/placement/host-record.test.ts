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

test('a host is at an address of the network only', () => {
  for (const address of ['10.0.0.1:9090', '[::1]:9090', 'host-1.example:9090']) {
    assert.ok(readHostRecord(writeHostRecord({ ...record, address })), address)
  }
  for (const address of [
    '',
    'unix:/run/docker.sock',
    'host-1',
    'host-1:0',
    'http://host-1:9090',
    'a:1/x',
    'a:1\r\nX: y',
  ]) {
    assert.equal(readHostRecord(writeHostRecord({ ...record, address })), undefined, address)
  }
})
