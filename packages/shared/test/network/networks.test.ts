import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNetworks } from '../../src/network/networks.ts'

test('single addresses, networks and unix sockets are told apart', () => {
  const networks = parseNetworks('10.0.0.0/8, 192.0.2.1, fd00::/8, unix')!
  for (const inside of ['10.1.2.3', '192.0.2.1', 'fd12::1', '::ffff:10.1.2.3', undefined]) {
    assert.ok(networks.has(inside), String(inside))
  }
  for (const outside of ['11.0.0.1', '192.0.2.2', 'fe80::1', '::ffff:11.1.2.3', 'unix', 'nonsense', '']) {
    assert.ok(!networks.has(outside), outside)
  }
})

test('none contains nobody, not even clients of a unix socket', () => {
  const networks = parseNetworks('none')!
  assert.ok(!networks.has(undefined))
  assert.ok(!networks.has('127.0.0.1'))
})

test('a malformed list of networks is refused', () => {
  const wrong = [
    '',
    'all',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'none, 10.0.0.1',
    '1.2.3.4,',
  ]
  for (const text of wrong) assert.equal(parseNetworks(text), undefined, text)
})
