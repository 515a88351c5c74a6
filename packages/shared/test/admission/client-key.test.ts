import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainAddress, clientKey } from '../../src/admission/client-key.ts'

test('an IPv4 address is the same client in every spelling', () => {
  assert.equal(clientKey('192.0.2.7'), '192.0.2.7')
  assert.equal(plainAddress('::ffff:192.0.2.7'), '192.0.2.7')
  assert.equal(plainAddress('::FFFF:192.0.2.7'), '192.0.2.7')
})

test('all addresses of an IPv6 /64 are one client, however they are written', () => {
  const key = '2001:db8:0:7::/64'
  for (const address of ['2001:db8:0:7::1', '2001:db8:0:7:ffff:1:2:3', '2001:0db8::7:0:0:0:9', '2001:DB8:0:7::%eth0']) {
    assert.equal(clientKey(address), key, address)
  }
  assert.notEqual(clientKey('2001:db8:0:8::1'), key)
  assert.equal(clientKey('::1'), '0:0:0:0::/64')
  assert.equal(clientKey('1:2:3:4::'), '1:2:3:4::/64')
})

test('a user is the same client at every address, and never the same as an address', () => {
  assert.equal(clientKey('192.0.2.7', 'anna'), clientKey('2001:db8::1', 'anna'))
  assert.notEqual(clientKey('192.0.2.7', '192.0.2.7'), clientKey('192.0.2.7'))
})
