import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idIn, isTokenText, newTokenText } from '../../src/tokens/token-text.ts'

test('a token has the form that scanners for secrets look for, an id, and a checksum', () => {
  const seen = new Set<string>()
  for (let n = 0; n < 500; n++) {
    const { id, text } = newTokenText()
    assert.match(text, /^sluice_[0-9a-z]{8}_[0-9A-Za-z]{49}$/)
    assert.equal(idIn(text), id)
    seen.add(text)
  }
  assert.equal(seen.size, 500)
})

test('a token with another character, or without its end, is no token', () => {
  const { text } = newTokenText()
  for (let at = 'sluice_'.length; at < text.length; at++) {
    if (text[at] === '_') continue
    const other = text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1)
    assert.equal(idIn(other), undefined, other)
    assert.equal(isTokenText(other), true, other)
  }
  for (const other of [text.slice(0, -1), `${text}0`, ` ${text}`, `${text}\n`, text.replace('sluice', 'Sluice'), '']) {
    assert.equal(isTokenText(other), false, other)
    assert.equal(idIn(other), undefined, other)
  }
})
