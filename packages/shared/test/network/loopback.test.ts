import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback } from '../../src/network/loopback.ts'

test('the loopback is known by address and by name, in every spelling', () => {
  for (const host of [
    '127.0.0.1',
    '127.255.1.2',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    'localhost',
    'LocalHost.',
    'a.b.localhost',
  ]) {
    assert.equal(isLoopback(host), true, host)
  }
})

test('addresses that other machines can reach, and names that only look like it, are not the loopback', () => {
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '::2',
    '128.0.0.1',
    '10.0.0.1',
    '::ffff:10.0.0.1',
    'fe80::1%lo',
    'localhost.example',
    'notlocalhost',
    '127.0.0.1.example',
    'example/localhost',
  ]) {
    assert.equal(isLoopback(host), false, host)
  }
})
