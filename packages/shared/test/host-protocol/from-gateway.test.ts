import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addressOf,
  awaitsAcceptance,
  clientAddressOf,
  headersToHost,
  isFromGateway,
  mayCreate,
  secretOf,
  termOf,
  userOf,
} from '../../src/host-protocol/from-gateway.ts'
import type { GatewayHeaders } from '../../src/host-protocol/from-gateway.ts'

const told: GatewayHeaders = {
  requestId: 'an-id',
  clientAddress: '192.0.2.1',
  user: 'Zoë / 100%',
  mayCreate: false,
  address: 'https://git.example.org/team/project.git',
  awaitsAcceptance: true,
  trace: { traceparent: '00-1-2-01' },
  secret: 'a secret',
  term: 4711,
}

test('a host reads what a gateway writes', () => {
  const headers = headersToHost(told, {})
  assert.equal(clientAddressOf(headers), told.clientAddress)
  assert.equal(userOf(headers), told.user)
  assert.equal(mayCreate(headers), false)
  assert.equal(addressOf(headers), told.address)
  assert.equal(awaitsAcceptance(headers), true)
  assert.equal(secretOf(headers), told.secret)
  assert.equal(termOf(headers), told.term)
  assert.equal(isFromGateway(headers), true)
  assert.deepEqual([headers['x-request-id'], headers['traceparent']], ['an-id', '00-1-2-01'])
})

test('headers without a value are left out', () => {
  const headers = headersToHost(
    {
      ...told,
      user: undefined,
      address: undefined,
      secret: undefined,
      term: undefined,
      mayCreate: true,
      awaitsAcceptance: false,
      trace: {},
    },
    {},
  )
  assert.deepEqual(headers, {
    'x-request-id': 'an-id',
    'sluice-client': '192.0.2.1',
    'sluice-source': '192.0.2.1',
    'sluice-may-create': 'yes',
  })
})

test('of the client’s own headers, a host gets those of git’s protocol, and none that only a gateway may write', () => {
  const gits = {
    'content-type': 'application/x-git-upload-pack-request',
    'content-encoding': 'gzip',
    'content-length': '12',
    'git-protocol': 'version=2',
    'user-agent': 'git/2.50.0',
  }
  const forged = {
    'sluice-client': '203.0.113.9',
    'sluice-source': '203.0.113.9',
    'sluice-user': 'root',
    'sluice-secret': 'guessed',
    'sluice-term': '1',
    'authorization': 'Basic c2VjcmV0',
    'cookie': 'session',
  }
  const own = headersToHost(told, {})
  assert.deepEqual(headersToHost(told, { ...gits, ...forged }), { ...own, ...gits })
})

test('what is no term of a slot is none', () => {
  for (const term of ['', '0', '-1', '1e3', '0x10', '1.5', ' 7', '99999999999999999']) {
    assert.equal(termOf({ 'sluice-term': term }), undefined, term)
  }
  assert.equal(termOf({}), undefined)
})

test('gateways and hosts can be upgraded in either order', () => {
  // A new gateway before a host of version 0.1, which reads this name only.
  assert.equal(headersToHost(told, {})['sluice-source'], told.clientAddress)
  // A gateway of version 0.1 before a new host.
  const old = { 'sluice-source': '192.0.2.1', 'sluice-may-create': 'yes' }
  assert.equal(clientAddressOf(old), '192.0.2.1')
  assert.equal(isFromGateway(old), true)
  assert.equal(clientAddressOf({ ...old, 'sluice-client': '192.0.2.2' }), '192.0.2.2')
})

test('a client that asks a host directly has the connection’s address, no name, and the right to create', () => {
  assert.equal(isFromGateway({}), false)
  assert.equal(clientAddressOf({}), undefined)
  assert.equal(userOf({}), undefined)
  assert.equal(mayCreate({}), true)
  assert.equal(awaitsAcceptance({}), false)
  assert.equal(secretOf({}), undefined)
})

test('an invalid address or name is ignored', () => {
  for (const address of ['local', 'example.org', '1.2.3', '']) {
    assert.equal(clientAddressOf({ 'sluice-client': address }), undefined, address)
  }
  for (const user of ['%', 'a%0Ab', '%00']) assert.equal(userOf({ 'sluice-user': user }), undefined, user)
})
