import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDistrust, isNotBegun, notBegunHeaders, reasonHeaders, reasonOf } from '../../src/host-protocol/from-host.ts'

/** As headers arrive: by lower-case names. */
function received(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

test('a gateway reads what a host writes', () => {
  assert.equal(reasonOf(received(reasonHeaders('draining'))), 'draining')
  assert.equal(isNotBegun(received(notBegunHeaders)), true)
})

test('a reply without these headers is neither a refusal nor marked as not begun', () => {
  assert.equal(reasonOf({}), undefined)
  assert.equal(isNotBegun({}), false)
  assert.equal(isDistrust(undefined), false)
})

test('a host that distrusts the gateway differs from one that refuses the client', () => {
  assert.equal(isDistrust('wrong_secret'), true)
  assert.equal(isDistrust('wrong_certificate'), true)
  assert.equal(isDistrust('push_forbidden'), false)
})
