import assert from 'node:assert/strict'
import { argon2Sync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { PasswordCheck } from '../../../src/access/file/password-check.ts'
import { readPasswordFile } from '@sluice/access/passwords/password-file'

function argon2id(password: string): string {
  const salt = randomBytes(16)
  const parameters = { message: password, nonce: salt, parallelism: 1, tagLength: 32, memory: 64, passes: 1 }
  const tag = argon2Sync('argon2id', parameters)
  const text = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
  return `$argon2id$v=19$m=64,t=1,p=1$${text(salt)}$${text(tag)}`
}

const about = {
  repository: 'r',
  needs: 'read',
  address: '192.0.2.1',
  client: '192.0.2.1',
  requestId: 'id',
  signal: new AbortController().signal,
} as const

test('bcrypt, as htpasswd writes it, and argon2id are accepted; a password fits its own user only', async () => {
  const bcrypt = await hash('one', 4)
  const file = `# people\nann:${bcrypt.replace('$2b$', '$2y$')}\r\n\nben:${argon2id('two')}\n`
  const passwords = readPasswordFile(file, 'f')
  const check = new PasswordCheck()
  const isRight = (user: string, password: string) => check.isRight(passwords, user, password, about)
  assert.equal(await isRight('ann', 'one'), true)
  assert.equal(await isRight('ben', 'two'), true)
  for (const [user, password] of [
    ['ann', 'two'],
    ['ben', 'one'],
    ['eve', 'one'],
    ['', 'one'],
    ['ann', ''],
  ] as const) {
    assert.equal(await isRight(user, password), false, user)
  }
  assert.equal(await check.isRight(new Map(), 'ann', 'one', about), false)
})

test('a byte order mark is no part of the first name', () => {
  assert.throws(() => readPasswordFile('\ufeffann:x', 'f'), /f begins with a byte order mark/)
})

test('a password that was right is wrong once the hash has changed', async () => {
  const check = new PasswordCheck()
  const before = readPasswordFile(`ann:${await hash('one', 4)}`, 'f')
  const later = readPasswordFile(`ann:${await hash('two', 4)}`, 'f')
  assert.equal(await check.isRight(before, 'ann', 'one', about), true)
  assert.equal(await check.isRight(later, 'ann', 'one', about), false)
})

test('a few passwords are checked at once, some wait, and the others are refused', async () => {
  const check = new PasswordCheck()
  const passwords = readPasswordFile(`ann:${await hash('one', 4)}`, 'f')
  const refused: number[] = []
  const attempts = Array.from({ length: 300 }, async (_, n) => {
    await check.isRight(passwords, 'ann', `guess ${n}`, about).catch((error: unknown) => {
      assert.ok(error instanceof Refusal && error.reason === 'login_busy')
      refused.push(n)
    })
  })
  await Promise.all(attempts)
  // Two are checked, 256 wait, and the others are refused first. On a busy machine, some wait in vain.
  const atOnce = refused.slice(0, 300 - 256 - 2)
  assert.deepEqual(
    atOnce,
    Array.from(atOnce, (_, index) => 256 + 2 + index),
  )
  assert.ok(atOnce.length === 42 && refused.length < 300)
})

test('a file that is not right is refused with the number of the line, and without its content', async () => {
  const good = `ann:${await hash('one', 4)}`
  for (const [line, problem] of [
    ['plain', /^Error: line 2 of f is not of the form user:hash$/],
    ['ben:secret', /^Error: line 2 of f has no hash that is taken/],
    ['ben:$apr1$x$y', /line 2 of f has no hash/],
    ['ben:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', /line 2 of f has no hash/],
    [good.replace('ann', 'ben').replace('$04$', '$31$'), /line 2 of f has no hash/],
    [`ben:${argon2id('x').replace('m=64', 'm=9999999')}`, /line 2 of f has no hash/],
    [`ben:${argon2id('x').replace('argon2id', 'argon2i')}`, /line 2 of f has no hash/],
    [good, /^Error: line 2 of f has a user who has a line already$/],
  ] as const) {
    assert.throws(() => readPasswordFile(`${good}\n${line}\n`, 'f'), problem, line)
  }
})

test('a password that was right waits for nobody, however many guesses wait to be checked', async () => {
  const check = new PasswordCheck()
  const passwords = readPasswordFile(`ann:${await hash('one', 4)}\nben:${await hash('two', 4)}`, 'f')
  assert.equal(check.knows(passwords, 'ann', 'one'), false)
  assert.equal(await check.isRight(passwords, 'ann', 'one', about), true)
  const guesses = Array.from({ length: 300 }, async (_, n) => check.isRight(passwords, 'ben', `guess ${n}`, about))
  const over = Promise.allSettled(guesses)
  let isAnyChecked = false
  void Promise.any(guesses).then(() => (isAnyChecked = true))
  assert.equal(check.knows(passwords, 'ann', 'one'), true)
  assert.equal(await check.isRight(passwords, 'ann', 'one', about), true)
  assert.equal(isAnyChecked, false)
  await over
  assert.equal(check.knows(passwords, 'ann', 'two'), false)
  assert.equal(check.knows(passwords, 'ben', 'one'), false)
  assert.equal(check.knows(new Map(), 'ann', 'one'), false)
})
