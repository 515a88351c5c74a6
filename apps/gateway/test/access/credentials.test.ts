import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loginOf, readCredentials, triedUser } from '../../src/access/credentials.ts'
import type { LoginCredentials } from '../../src/access/credentials.ts'

const nameOf = (user: string, password: string) => {
  const header = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return loginOf(readCredentials(header) as LoginCredentials).name
}

test('guesses for one name count for that name; a token counts for itself', () => {
  assert.equal(nameOf('ann', 'one'), nameOf('ann', 'two'))
  assert.equal(nameOf('git', 'one'), nameOf('git', 'two'))
  assert.equal(nameOf('', 'one'), nameOf('', 'two'))
  const [one, two] = ['glpat-0123456789abcdefghij', 'glpat-0123456789abcdefghiJ'] as const
  assert.notEqual(nameOf('x-access-token', one), nameOf('x-access-token', two))
  assert.notEqual(nameOf(one, 'x-oauth-basic'), nameOf(two, 'x-oauth-basic'))
  assert.equal(nameOf('ann', one), nameOf('ann', two))
})

test('the log names who has tried to log in, and never a token', () => {
  const tried = (text: string) => triedUser(`Basic ${Buffer.from(text).toString('base64')}`)
  assert.equal(tried('ann:wrong'), 'ann')
  assert.equal(tried('ann.of.somewhere@mail.example.org:wrong'), 'ann.of.somewhere@mail.example.org')
  assert.equal(tried(`${'ö'.repeat(100)}:wrong`), 'ö'.repeat(64))
  for (const text of [
    'glpat-0123456789abcdefghij:x',
    'short-token:x-oauth-basic',
    `${'a'.repeat(40)}:x`,
    'x\u0007:x',
    ':x',
  ])
    assert.equal(tried(text), undefined, text)
  assert.equal(triedUser('Bearer abc'), undefined)
  assert.equal(triedUser(undefined), undefined)
})
