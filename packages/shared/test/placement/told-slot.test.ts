import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostRecord } from '../../src/placement/host-record.ts'
import { longestTold, readToldSlot, writeToldSlot } from '../../src/placement/told-slot.ts'

const hostOf = (address: string, zone = ''): HostRecord => {
  return { address, version: '1.0.0', weight: 100, zone, run: 'a', isLeaving: false }
}

const record = { primary: 'b', copies: ['a', 'b'], inSync: ['a', 'b'], next: undefined, term: 7 }

test('what a host tells of a slot comes through, in characters that a header may have', () => {
  const hosts = new Map([['b', { record: hostOf('10.0.0.2:9090', 'Gänge 🚀\n'), revision: 3 }]])
  const told = { record, revision: 9, hosts }
  const text = writeToldSlot(told)!
  assert.match(text, /^[\x20-\x7e]+$/)
  assert.deepEqual(readToldSlot(text), told)
})

test('hosts that do not fit are left out, the last ones first', () => {
  const names = Array.from({ length: 16 }, (_, at) => `host-${at}`.padEnd(60, 'x'))
  const hosts = new Map(names.map((name) => [name, { record: hostOf(`${'h.'.repeat(140)}h:9090`), revision: 3 }]))
  const long = { ...record, primary: names[0], copies: names, inSync: names }
  const text = writeToldSlot({ record: long, revision: 9, hosts })!
  assert.ok(text.length <= longestTold)
  const read = readToldSlot(text)!
  assert.deepEqual(read.record, long)
  assert.deepEqual([...read.hosts.keys()], names.slice(0, read.hosts.size))
  assert.ok(read.hosts.size > 1 && read.hosts.size < 16, `${read.hosts.size}`)
})

test('what is not valid is not read', () => {
  const slot = { primary: 'b', copies: ['b'], inSync: ['b'], next: null, term: 7 }
  const good = { revision: 9, slot, hosts: {} }
  assert.ok(readToldSlot(JSON.stringify(good)))
  const bad: unknown[] = [
    { ...good, revision: 0 },
    { ...good, revision: '9' },
    { ...good, revision: 1e300 },
    { ...good, revision: 6 },
    { ...good, slot: { ...slot, primary: 'c' } },
    { ...good, slot: null },
    { ...good, hosts: { '../b': { revision: 1, record: hostOf('b:1') } } },
    { ...good, hosts: { b: { revision: 1, record: { address: 'b:1' } } } },
    { ...good, hosts: { b: { revision: 1, record: hostOf('/run/other.sock') } } },
    { ...good, hosts: [] },
    { ...good, more: 'x'.repeat(longestTold) },
    [],
    null,
  ]
  for (const value of bad) assert.equal(readToldSlot(JSON.stringify(value)), undefined, JSON.stringify(value))
  for (const text of ['', '{', '['.repeat(4000)]) assert.equal(readToldSlot(text), undefined)
})
