import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUserName } from '../../src/host-protocol/user-name.ts'

test('a user name is text of 1 to 256 characters', () => {
  for (const name of ['a', 'ann', 'Ann Lee', 'ann@example.org', 'änn', '安', '👩', ' ', 'a:b', 'x'.repeat(256)]) {
    assert.equal(isUserName(name), true, name)
  }
  for (const name of ['', 'x'.repeat(257), '👩'.repeat(129)]) assert.equal(isUserName(name), false, name)
})

test('a name with a control character, or half of a surrogate pair, is refused', () => {
  const wrong = ['\0', '\t', '\n', '\r', '\u001b', '\u007f', '\u0085', '\u009f', '\ud800', '\udc00']
  for (const character of wrong) {
    for (const name of [character, `${character}ann`, `an${character}n`, `ann${character}`]) {
      assert.equal(isUserName(name), false, JSON.stringify(name))
    }
  }
})

test('every user name survives percent-encoding', () => {
  let tried = 0
  for (let point = 0; point <= 0x10ffff; point += 7) {
    const name = `a${String.fromCodePoint(point)}b`
    if (!isUserName(name)) continue
    tried++
    const encoded = encodeURIComponent(name)
    assert.match(encoded, /^[\x21-\x7e]+$/)
    assert.equal(decodeURIComponent(encoded), name)
  }
  assert.ok(tried > 100_000)
})
