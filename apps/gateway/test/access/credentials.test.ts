import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loginOf, readCredentials } from '../../src/access/credentials.ts'
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
