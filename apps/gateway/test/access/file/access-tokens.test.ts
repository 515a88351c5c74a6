import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createToken, revokeTokens } from '@sluice/access/tokens/change-tokens'
import { newTokenText } from '@sluice/access/tokens/token-text'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { Access } from '../../../src/access/access.ts'
import { openFileAccess } from '../../../src/access/file/file-access.ts'
import { LoginThrottle } from '../../../src/access/throttle/login-throttle.ts'
import { FakeClock } from '../throttle/fake-clock.ts'

const rules = `rules:
  - { repositories: team/**, read: users, write: ann }
  - { repositories: '**', read: anyone }
`

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

async function open(folder: string) {
  const paths = { passwords: join(folder, 'htpasswd'), rules: join(folder, 'rules'), tokens: join(folder, 'tokens') }
  await writeFile(paths.passwords, ['ann', 'ben'].map((user) => `${user}:$2b$04$${'a'.repeat(53)}\n`).join(''))
  await writeFile(paths.rules, rules)
  await writeFile(paths.tokens, '')
  const make = async (more: { user?: string; expires?: string } = {}) => {
    const asked = {
      right: 'write' as const,
      repositories: ['team/**'],
      created: '2026-01-01T00:00:00Z',
      expires: 'never',
    }
    return await createToken(paths.tokens, { ...asked, ...more })
  }
  const made = {
    anns: await make({ user: 'ann' }),
    bens: await make({ user: 'ben' }),
    nobodys: await make(),
    ended: await make({ expires: '2026-01-02T00:00:00Z' }),
    gone: await make({ user: 'carl' }),
  }
  return { paths, made, authority: await openFileAccess(paths, silentLog) }
}

async function ask(access: Access, authorization: string, push = true, repository = 'team/app.git') {
  const incoming = { headers: { authorization } }
  const exchange = {
    incoming,
    clientAddress: '192.0.2.1',
    id: 'id',
    signal: new AbortController().signal,
    user: undefined,
  }
  const service = push ? 'receive-pack' : 'upload-pack'
  const request = { kind: 'rpc', service, repository, protocol: undefined, version: 0 } as const
  const record = { token: undefined as string | undefined }
  try {
    const { rights, user } = await access.authorise(exchange as unknown as Exchange, request, record)
    return { outcome: rights, user, token: record.token }
  } catch (error) {
    const { reason, sentence } = error as Refusal
    return { outcome: reason, user: exchange.user as string | undefined, token: record.token, sentence }
  }
}

test('a token may be sent in any of the ways that people send tokens, and names its user', async () => {
  await using folder = await temporaryFolder()
  const { authority, made } = await open(folder.path)
  await using _ = authority
  const access = new Access(authority, new LoginThrottle(new FakeClock()))
  const { text, line } = made.anns
  const ways = [
    basic('x', text),
    basic('', text),
    basic('ben', text),
    basic(text, ''),
    basic(text, 'x-oauth-basic'),
    `Bearer ${text}`,
  ]
  for (const way of [...ways, `Basic ${Buffer.from(text).toString('base64')}`]) {
    assert.deepEqual(await ask(access, way), { outcome: 'write', user: 'ann', token: line.id }, way)
  }
  const nobodys = await ask(access, `Bearer ${made.nobodys.text}`)
  assert.deepEqual(nobodys, { outcome: 'write', user: `token:${made.nobodys.line.id}`, token: made.nobodys.line.id })
  const bens = await ask(access, `Bearer ${made.bens.text}`)
  assert.deepEqual([bens.outcome, bens.user, bens.token], ['push_forbidden', 'ben', made.bens.line.id])
  const outside = await ask(access, `Bearer ${made.anns.text}`, false, 'else.git')
  assert.deepEqual([outside.outcome, outside.token], ['repository_missing', line.id])
})

test('a token that is wrong, has ended or has no user any more lets nobody in', async () => {
  await using folder = await temporaryFolder()
  const { authority, made } = await open(folder.path)
  await using _ = authority
  const access = new Access(authority, new LoginThrottle(new FakeClock()))
  const { text } = made.anns
  for (const [wrong, says] of [
    [newTokenText().text, /^The user name|wrong|log-in/i],
    [made.ended.text, /has expired/],
    [made.gone.text, /no user any more/],
    [`${text.slice(0, -1)}${text.endsWith('a') ? 'b' : 'a'}`, /not whole, or has a wrong character/],
  ] as const) {
    const { outcome, user, sentence } = await ask(access, `Bearer ${wrong}`)
    assert.deepEqual([outcome, user], ['login_failed', undefined])
    assert.match(sentence!, says)
  }
  assert.match((await ask(access, 'Bearer abcdef')).sentence!, /begins with "sluice_"/)
})

test('a right token waits for nobody; wrong ones wait as wrong passwords do', async () => {
  await using folder = await temporaryFolder()
  const { authority, made } = await open(folder.path)
  await using _ = authority
  const clock = new FakeClock()
  const access = new Access(authority, new LoginThrottle(clock))
  const guesses = Array.from({ length: 100 }, () => ask(access, basic('ann', newTokenText().text)))
  await clock.pass(0)
  const now = clock.now()
  assert.equal((await ask(access, basic('ann', made.anns.text))).outcome, 'write')
  assert.equal(clock.now(), now)
  await clock.pass(60_000)
  const outcomes = new Set((await Promise.all(guesses)).map(({ outcome }) => outcome))
  assert.ok(outcomes.has('login_failed'))
  const late = Array.from({ length: 100 }, () => ask(access, `Bearer ${newTokenText().text}`))
  await clock.pass(600_000)
  assert.ok((await Promise.all(late)).some(({ outcome }) => outcome === 'too_many_logins'))
})

test('tokens are revoked by a change of their file, also while the rules have a fault', async () => {
  await using folder = await temporaryFolder()
  const { authority, made, paths } = await open(folder.path)
  await using _ = authority
  const isTaken = (token: string) => authority.isTrusted({ kind: 'token', token, header: `Bearer ${token}` })
  await writeFile(paths.rules, 'rules: [')
  assert.equal(isTaken(made.anns.text), true)
  await revokeTokens(paths.tokens, ({ id }) => id === made.anns.line.id)
  await until('the token to be revoked', () => !isTaken(made.anns.text))
  assert.equal(isTaken(made.nobodys.text), true)
  const asked = { right: 'read' as const, repositories: ['**'], created: '2026-01-01T00:00:00Z', expires: 'never' }
  const added = await createToken(paths.tokens, asked)
  await until('the new token', () => isTaken(added.text))
})
