import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { toBase62 } from '@sluice/access/random-text'
import { createToken } from '@sluice/access/tokens/change-tokens'
import { newTokenText } from '@sluice/access/tokens/token-text'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Users and tokens come and go by the command, while a gateway runs and real git works. */

const sluice = fileURLToPath(new URL('../../apps/command/bin/sluice', import.meta.url))
const rules = `rules:
  - { repositories: open, read: anyone, write: [ann] }
  - { repositories: team/**, read: users, write: [ann], create: [ann] }
`

let env: Record<string, string>
let stack: Stack
const opened = new AsyncDisposableStack()

before(async () => {
  const { path } = opened.use(await temporaryFolder())
  env = {
    SLUICE_ACCESS: 'file',
    SLUICE_PASSWORD_FILE: join(path, 'htpasswd'),
    SLUICE_ACCESS_FILE: join(path, 'access.yaml'),
    SLUICE_TOKEN_FILE: join(path, 'tokens'),
  }
  await writeFile(env['SLUICE_ACCESS_FILE']!, rules)
  await command(['user', 'add', 'ann', '--password-stdin'], 'the password of ann\n')
  await command(['token', 'create', '--repository', 'unused', '--right', 'read'])
  stack = opened.use(await startStack({}, { gateway: env }))
  for (const name of ['open.git', 'team/app.git']) {
    await git(stack.root, ['init', '--quiet', '--bare', name])
    await importHistory(join(stack.root, name), 2)
  }
})
after(() => opened.disposeAsync())

/** Runs the command as an operator does. @returns its standard output, trimmed */
async function command(args: readonly string[], input = ''): Promise<string> {
  const child = spawn(sluice, args, { env: { ...env, PATH: process.env['PATH'] }, stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

const users = 'SLUICE_PASSWORD_FILE and SLUICE_ACCESS_FILE were'
const tokens = 'SLUICE_TOKEN_FILE was'

/** Does what changes files, and waits until the gateway has read them: a wrong log-in would slow down the next one. */
async function changing<T>(files: readonly string[], change: () => Promise<T>): Promise<T> {
  const timesRead = (file: string) => stack.gateway.lines.filter(({ msg }) => msg === `${file} read anew`).length
  const counts = files.map(timesRead)
  const result = await change()
  await until('the gateway to read the files', () => files.every((file, index) => timesRead(file) > counts[index]!))
  return result
}

/** The address of a repository with a log-in in it. */
function addressOf(name: string, user: string, password: string): string {
  return `${stack.url}/${name}`.replace('//', `//${encodeURIComponent(user)}:${encodeURIComponent(password)}@`)
}

async function mayRead(name: string, user: string, password: string): Promise<boolean> {
  return (await tryGit(stack.folder, ['ls-remote', addressOf(name, user, password)])).code === 0
}

/** Clones with a token as a header, as CI does. */
async function cloneWith(token: string, name: string, folder: string) {
  const header = `http.extraHeader=Authorization: Bearer ${token}`
  const cloned = await tryGit(stack.folder, ['clone', '--quiet', '--config', header, `${stack.url}/${name}`, folder])
  return { ...cloned, work: join(stack.folder, folder) }
}

async function push(work: string, branch: string) {
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', branch])
  return await tryGit(work, ['push', 'origin', `HEAD:refs/heads/${branch}`])
}

const allLogs = () => JSON.stringify([...stack.gateway.lines, ...stack.supervisor.lines])

test('a user who is added clones, with a new password as well, until removed', async () => {
  assert.equal(await mayRead('team/app.git', 'ann', 'the password of ann'), true)
  const add = ['user', 'add', 'ben', '--password-stdin', '--bcrypt']
  await changing([users], () => command(add, 'the first of ben'))
  assert.equal(await mayRead('team/app.git', 'ben', 'the first of ben'), true)
  const second = await changing([users], () => command(['user', 'passwd', 'ben', '--generate']))
  assert.equal(await mayRead('team/app.git', 'ben', second), true)
  assert.equal(await mayRead('team/app.git', 'ben', 'the first of ben'), false)
  const create = ['token', 'create', '--repository', 'team/**', '--right', 'read', '--user', 'ben']
  const token = await changing([tokens], () => command(create))
  assert.equal(await mayRead('team/app.git', 'x', token), true)
  await changing([users, tokens], () => command(['user', 'remove', 'ben']))
  assert.equal(await mayRead('team/app.git', 'ben', second), false)
  assert.equal(await mayRead('team/app.git', 'x', token), false)
})

test('CI clones and pushes with a token, until it is revoked in the middle of its work', async () => {
  const create = ['token', 'create', '--repository', 'team/**', '--right', 'write', '--user', 'ann']
  const token = await changing([tokens], () => command(create))
  const { code, stderr, work } = await cloneWith(token, 'team/app.git', 'ci')
  assert.equal(code, 0, stderr)
  assert.equal((await push(work, 'first')).code, 0)
  assert.equal(await git(join(stack.root, 'team/app.git'), ['log', '-1', '--format=%s', 'first']), 'first')

  const id = token.slice(7, 15)
  const line = await stack.gateway.line((one) => one['service'] === 'receive-pack' && one['kind'] === 'rpc')
  assert.deepEqual([line['user'], line['token']], ['ann', id])

  // The token has no right there, even though anyone has. Without the token, git asks as anyone.
  assert.match((await cloneWith(token, 'open.git', 'outside')).stderr, /not found/)
  assert.equal(await mayRead('open.git', 'x', token), true)

  await changing([tokens], () => command(['token', 'revoke', id]))
  assert.match((await push(work, 'second')).stderr, /Authentication failed|could not read Username/)
  assert.equal((await tryGit(work, ['fetch'])).code, 128)
  assert.ok(!allLogs().includes(token.slice(16)), 'a secret is in a log')
})

test('a token without a user has a name of its own in hooks, and does what it says and no more', async () => {
  const create = ['token', 'create', '--repository', 'team/**', '--right', 'write']
  const token = await changing([tokens], () => command(create))
  const seen = join(stack.folder, 'seen')
  await writeHook(join(stack.root, 'team/app.git'), 'post-receive', `echo "$REMOTE_USER" >'${seen}'`)
  const { work } = await cloneWith(token, 'team/app.git', 'nobodys')
  const pushed = await push(work, 'nobodys')
  assert.equal(pushed.code, 0, pushed.stderr)
  assert.equal(
    (await until('the hook', () => readFile(seen, 'utf8').catch(() => ''))).trim(),
    `token:${token.slice(7, 15)}`,
  )
  const created = await tryGit(work, ['push', addressOf('team/new.git', 'x', token), 'HEAD:main'])
  assert.match(created.stderr, /a push does not create one here/)
})

test('a wrong token, one that has ended, and one that was not copied as a whole get 401 with the reason', async () => {
  const asked = { right: 'read' as const, repositories: ['**'], created: '2026-01-01T00:00:00Z' }
  const make = (expires: string) => createToken(env['SLUICE_TOKEN_FILE']!, { ...asked, expires })
  const ended = await changing([tokens], () => make('2026-01-02T00:00:00Z'))
  const good = await changing([tokens], () => make('never'))
  const path = '/team/app.git/info/refs?service=git-upload-pack'
  const saying = async (token: string) => {
    const refused = await cloneWith(token, 'team/app.git', 'refused')
    assert.match(refused.stderr, /Authentication failed|could not read Username/)
    const { status, body } = await ask(stack.gateway.address, path, { headers: { Authorization: `Bearer ${token}` } })
    return `${status} ${body}`
  }
  assert.match(await saying(ended.text), /^401 The token has expired/)
  assert.match(await saying(newTokenText().text), /^401 The user name or the password is wrong/)
  assert.match(await saying(good.text.slice(0, -1)), /^401 This is not a token of this server/)
  const mistyped = good.text.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))
  assert.match(await saying(mistyped), /^401 The token is not whole, or has a wrong character/)
})

test('the log names the user whose log-in failed, and nothing that could be a password', async () => {
  const asked = { right: 'read' as const, repositories: ['**'], created: '2026-01-01T00:00:00Z' }
  const { line } = await changing([tokens], () =>
    createToken(env['SLUICE_TOKEN_FILE']!, { ...asked, expires: 'never' }),
  )
  const guess = newTokenText().text
  const secret = 'a password in the place of a name'
  const idOf = async (authorization: string) => {
    const path = '/team/app.git/info/refs?service=git-upload-pack'
    const { status, headers } = await ask(stack.gateway.address, path, { headers: { Authorization: authorization } })
    assert.equal(status, 401)
    return headers['x-request-id']
  }
  const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  for (const [authorization, triedUser] of [
    [basic('ann', 'wrong'), 'ann'],
    [basic(secret, 'x'), 'unknown'],
    [basic(guess, ''), 'unknown'],
    [`Bearer ${guess}`, 'unknown'],
    [`Bearer ${withId(line.id)}`, `token:${line.id}`],
    ['Basic !', 'unknown'],
  ] as const) {
    const requestId = await idOf(authorization)
    const logged = await stack.gateway.line((one) => one['requestId'] === requestId)
    assert.deepEqual([logged['triedUser'], logged['user'], logged['reason']], [triedUser, undefined, 'login_failed'])
  }
  assert.ok(!allLogs().includes(secret))
  assert.ok(!allLogs().includes(guess.slice(16)))
})

/** A token that is whole, with the id of another. */
function withId(id: string): string {
  const start = `sluice_${id}_${newTokenText().text.slice(16, -6)}`
  return `${start}${toBase62(BigInt(crc32(start)), 6)}`
}
