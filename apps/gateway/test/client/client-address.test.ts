import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { parseNetworks } from '@sluice/shared/network/networks'
import { clientAddress } from '../../src/client/client-address.ts'

function addressOf(
  remoteAddress: string | undefined,
  headers: Record<string, string>,
  trusted: string,
  forwardedHeader: 'x-forwarded-for' | 'forwarded' = 'x-forwarded-for',
): string {
  const request = { socket: { remoteAddress }, headers } as unknown as IncomingMessage
  return clientAddress(request, { trustedProxies: parseNetworks(trusted)!, forwardedHeader })
}

const told = { 'x-forwarded-for': '203.0.113.9' }

test('without a trusted proxy, the client is the other end of the connection, whatever it says', () => {
  assert.equal(addressOf('192.0.2.1', told, 'none'), '192.0.2.1')
  assert.equal(addressOf('192.0.2.1', told, '10.0.0.0/8'), '192.0.2.1')
  assert.equal(addressOf('::ffff:192.0.2.1', told, 'none'), '192.0.2.1')
  assert.equal(addressOf(undefined, told, 'none'), 'local')
})

test('a trusted proxy names the client', () => {
  assert.equal(addressOf('10.0.0.1', told, '10.0.0.0/8'), '203.0.113.9')
  assert.equal(addressOf('::ffff:10.0.0.1', told, '10.0.0.0/8'), '203.0.113.9')
  assert.equal(addressOf(undefined, told, 'unix'), '203.0.113.9')
  assert.equal(addressOf('10.0.0.1', {}, '10.0.0.0/8'), '10.0.0.1')
})

test('addresses that the client wrote before those of a trusted proxy do not count', () => {
  const spoofed = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' }
  assert.equal(addressOf('10.0.0.1', spoofed, '10.0.0.0/8'), '203.0.113.9')
  const behindTwo = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9, 10.0.0.2' }
  assert.equal(addressOf('10.0.0.1', behindTwo, '10.0.0.0/8'), '203.0.113.9')
  assert.equal(addressOf('10.0.0.1', { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' }, '10.0.0.0/8'), '10.0.0.3')
})

test('only the header that the operator has chosen is read', () => {
  const both = { 'x-forwarded-for': '203.0.113.9', 'forwarded': 'for=198.51.100.1' }
  assert.equal(addressOf('10.0.0.1', both, '10.0.0.1'), '203.0.113.9')
  assert.equal(addressOf('10.0.0.1', both, '10.0.0.1', 'forwarded'), '198.51.100.1')
})

test('Forwarded is read as RFC 7239 has it', () => {
  const of = (forwarded: string) => addressOf('10.0.0.1', { forwarded }, '10.0.0.1', 'forwarded')
  assert.equal(of('for=192.0.2.60;proto=http;by=203.0.113.43'), '192.0.2.60')
  assert.equal(of('For="[2001:db8:cafe::17]:4711"'), '2001:db8:cafe::17')
  assert.equal(of('proto=https; for="192.0.2.43:47011"'), '192.0.2.43')
  assert.equal(of('for=198.51.100.1, for=192.0.2.43'), '192.0.2.43')
})

test('a hop that is no address ends the search, and the client is the hop that sent it', () => {
  for (const nonsense of ['unknown', '_hidden', '999.1.1.1', 'localhost', '203.0.113.9, unknown', ',', '\u00e9']) {
    assert.equal(addressOf('10.0.0.1', { 'x-forwarded-for': nonsense }, '10.0.0.0/8'), '10.0.0.1', nonsense)
  }
})

test('ports are ignored', () => {
  assert.equal(addressOf('10.0.0.1', { 'x-forwarded-for': '203.0.113.9:4711' }, '10.0.0.1'), '203.0.113.9')
  assert.equal(addressOf('10.0.0.1', { 'x-forwarded-for': '[2001:db8::1]:4711' }, '10.0.0.1'), '2001:db8::1')
  assert.equal(addressOf('10.0.0.1', { 'x-forwarded-for': '2001:db8::1' }, '10.0.0.1'), '2001:db8::1')
})
