import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAtClient, weakTag } from '../../src/http/entity-tag.ts'

test('a client has what it names, however strongly, alone or among others', () => {
  const tag = weakTag('abc.zip')
  for (const known of ['W/"abc.zip"', '"abc.zip"', '"x", W/"abc.zip"', ' "abc.zip" ,"y"', '*']) {
    assert.equal(isAtClient({ 'if-none-match': known }, tag), true, known)
  }
  for (const known of ['', 'abc.zip', '"abc"', 'W/"abc.tar.gz"', '"**"']) {
    assert.equal(isAtClient({ 'if-none-match': known }, tag), false, known)
  }
  assert.equal(isAtClient({}, tag), false)
})
