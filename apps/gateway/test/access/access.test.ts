import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { Access } from '../../src/access/access.ts'
import type { Authority } from '../../src/access/authority.ts'
import { LoginThrottle } from '../../src/access/throttle/login-throttle.ts'
import { FakeClock } from './throttle/fake-clock.ts'

const request = { kind: 'rpc', service: 'upload-pack', repository: 'r', protocol: undefined, version: 0 } as const

function exchangeWith(authorization: string): Exchange {
  const incoming = { headers: { authorization } }
  return { incoming, clientAddress: '192.0.2.1', id: 'id', signal: new AbortController().signal } as unknown as Exchange
}

/** Lets in every client that says `Bearer right…`. */
function authorityThat(isTrusted: Authority['isTrusted']): Authority & { asked: number } {
  return {
    asked: 0,
    asksForLogin: true,
    isTrusted,
    async decide(credentials) {
      this.asked++
      if (!credentials?.header.startsWith('Bearer right')) throw new Refusal('login_failed')
      return { user: 'ann', rights: 'read', mayCreate: false }
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function outcomeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'let in',
    (error: Refusal) => error.reason,
  )
}

async function guess(access: Access, clock: FakeClock, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const attempt = outcomeOf(access.authorise(exchangeWith(`Bearer wrong${n}`), request, { token: undefined }))
    await clock.pass(2000)
    assert.equal(await attempt, 'login_failed')
  }
}

test('credentials that are known to be right, or cannot be guessed, are checked before anybody waits', async () => {
  const clock = new FakeClock()
  const access = new Access(
    authorityThat(() => true),
    new LoginThrottle(clock),
  )
  await guess(access, clock, 30)
  const now = clock.now()
  const wrong = Array.from({ length: 100 }, (_, n) =>
    outcomeOf(access.authorise(exchangeWith(`Bearer more${n}`), request, { token: undefined })),
  )
  assert.equal(await outcomeOf(access.authorise(exchangeWith('Bearer right'), request, { token: undefined })), 'let in')
  assert.equal(clock.now(), now)
  await clock.pass(60_000)
  assert.deepEqual(new Set(await Promise.all(wrong)), new Set(['login_failed', 'too_many_logins']))
})

test('guesses wait before they are checked, and unreadable credentials are not checked', async () => {
  const clock = new FakeClock()
  const authority = authorityThat(() => false)
  const access = new Access(authority, new LoginThrottle(clock))
  await guess(access, clock, 30)
  const asked = authority.asked
  const attempts = Array.from({ length: 10 }, (_, n) =>
    outcomeOf(access.authorise(exchangeWith(`Bearer more${n}`), request, { token: undefined })),
  )
  assert.equal(
    await outcomeOf(access.authorise(exchangeWith('Digest x'), request, { token: undefined })),
    'login_failed',
  )
  await clock.pass(0)
  assert.ok(authority.asked - asked <= 1)
  await clock.pass(60_000)
  await Promise.all(attempts)
  assert.equal(authority.asked - asked, 10)
})

test('a log-in that could not be checked counts as no failure, and keeps nobody waiting', async () => {
  const clock = new FakeClock()
  const authority = authorityThat(() => false)
  authority.decide = async () => {
    throw new Refusal('login_unavailable')
  }
  const throttle = new LoginThrottle(clock)
  const access = new Access(authority, throttle)
  const attempts = Array.from({ length: 20 }, () =>
    outcomeOf(access.authorise(exchangeWith('Bearer x'), request, { token: undefined })),
  )
  assert.deepEqual(new Set(await Promise.all(attempts)), new Set(['login_unavailable']))
  assert.equal(throttle.size, 0)
  assert.equal(clock.now(), 0)
})
