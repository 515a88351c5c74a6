import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { stopApp } from '@sluice/shared/testing/app'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import type { GitResult } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Reply } from '@sluice/shared/testing/http'
import { startS3Server } from '@sluice/shared/testing/s3-server'
import type { S3Server } from '@sluice/shared/testing/s3-server'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Locks of two users, and objects in S3, with the real git-lfs. */

const noLfs = spawnSync('git', ['lfs', 'version']).status === 0 ? false : 'git-lfs is not installed'

const rules = `
rules:
  - repositories: open/**
    write: anyone
  - repositories: '**'
    read: users
    write: [ann, ben]
    create: [ann, ben]
`
const large = 'large '.repeat(100_000)

let opened: AsyncDisposableStack
type AuditLine = { readonly event: string; readonly repository: string; readonly user: string; readonly size?: number }

let audit: string
let s3: S3Server
let stack: Stack
before(async () => {
  opened = new AsyncDisposableStack()
  s3 = opened.use(await startS3Server())
  const { path } = opened.use(await temporaryFolder())
  const lines = await Promise.all(['ann', 'ben', 'carl'].map(async (user) => `${user}:${await hash(user, 4)}`))
  audit = join(path, 'audit')
  const [passwords, access] = [join(path, 'passwords'), join(path, 'access.yaml')]
  await writeFile(passwords, `${lines.join('\n')}\n`)
  await writeFile(access, rules)
  const files = { SLUICE_PASSWORD_FILE: passwords, SLUICE_ACCESS_FILE: access }
  stack = opened.use(await startStack({ SLUICE_ACCESS: 'file', SLUICE_AUDIT_LOG: audit, ...files, ...s3.env }))
})
after(() => opened[Symbol.asyncDispose]())

function urlFor(user: string, repository: string): string {
  return `${stack.url.replace('//', `//${user}:${user}@`)}/${repository}.git`
}

/** Credentials are asked for, as users have it: git-lfs takes those of an address too. */
function envOf(user: string): Record<string, string> {
  const home = { HOME: stack.folder, GIT_CONFIG_GLOBAL: '/dev/null' }
  const identity = { GIT_AUTHOR_NAME: user, GIT_COMMITTER_NAME: user }
  return { ...home, ...identity }
}

/** A work tree of a user's, with LFS set up. */
async function clone(user: string, repository: string): Promise<string> {
  const work = join(stack.folder, `${repository.replaceAll('/', '-')}-${user}`)
  await git(stack.folder, ['-c', 'filter.lfs.process=', 'init', '--quiet', work])
  await git(work, ['remote', 'add', 'origin', urlFor(user, repository)])
  await git(work, ['lfs', 'install', '--local'], { env: envOf(user) })
  return work
}

async function lfs(user: string, work: string, ...args: string[]): Promise<GitResult> {
  return await tryGit(work, ['lfs', ...args], { env: envOf(user) })
}

async function push(user: string, work: string): Promise<GitResult> {
  return await tryGit(work, ['push', 'origin', 'main'], { env: envOf(user) })
}

/** Pushes a first file in LFS to a repository that this creates. */
async function create(user: string, repository: string): Promise<string> {
  const work = await clone(user, repository)
  await git(work, ['lfs', 'track', '--lockable', '*.psd'], { env: envOf(user) })
  await writeFile(join(work, 'hero.psd'), large)
  await commit(user, work)
  const pushed = await push(user, work)
  assert.equal(pushed.code, 0, pushed.stderr)
  return work
}

async function commit(user: string, work: string): Promise<void> {
  await git(work, ['add', '.'], { env: envOf(user) })
  await git(work, ['commit', '--quiet', '-m', 'A change'], { env: envOf(user) })
}

async function follow(user: string, repository: string): Promise<string> {
  const work = await clone(user, repository)
  const pulled = await tryGit(work, ['pull', '--quiet', 'origin', 'main'], { env: envOf(user) })
  assert.equal(pulled.code, 0, pulled.stderr)
  return work
}

async function api(user: string | undefined, path: string, body?: object): Promise<Reply & { json: unknown }> {
  const type = 'application/vnd.git-lfs+json'
  const headers: Record<string, string> = { 'Accept': type, 'Content-Type': type }
  if (user) headers['Authorization'] = `Basic ${Buffer.from(`${user}:${user}`).toString('base64')}`
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const reply = await ask(stack.url.replace('http://', ''), path, { headers, ...sent })
  return { ...reply, json: JSON.parse(reply.body) as unknown }
}

describe('locks', { skip: noLfs }, () => {
  test('are taken, shown and given back by two users', async () => {
    const ann = await create('ann', 'team/game')
    const ben = await follow('ben', 'team/game')
    const taken = await lfs('ann', ann, 'lock', 'hero.psd')
    assert.equal(taken.code, 0, taken.stderr)
    const refused = await lfs('ben', ben, 'lock', 'hero.psd')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr + refused.stdout, /hero\.psd is locked already, by ann/)
    assert.match((await lfs('ben', ben, 'locks')).stdout, /^hero\.psd\s+ann\s+ID:1$/m)
    assert.match((await lfs('ann', ann, 'locks', '--verify')).stdout, /^O hero\.psd\s+ann/m)
    assert.match((await lfs('ben', ben, 'locks', '--verify')).stdout, /^ {2}hero\.psd\s+ann/m)
    const stays = await lfs('ben', ben, 'unlock', 'hero.psd')
    assert.notEqual(stays.code, 0)
    assert.match(stays.stderr + stays.stdout, /hero\.psd is locked by ann\. Ask them/)
    const forced = await lfs('ben', ben, 'unlock', '--force', 'hero.psd')
    assert.equal(forced.code, 0, forced.stderr)
    assert.equal((await lfs('ann', ann, 'locks')).stdout, '')
    assert.equal((await lfs('ben', ben, 'lock', 'hero.psd')).code, 0)
    assert.equal((await lfs('ben', ben, 'unlock', 'hero.psd')).code, 0)
  })

  test('halt the push of somebody else, and not the owner’s', async () => {
    const ann = await create('ann', 'team/halt')
    const ben = await follow('ben', 'team/halt')
    await git(ben, ['config', '--file', '.lfsconfig', 'lfs.locksverify', 'true'])
    assert.equal((await lfs('ann', ann, 'lock', 'hero.psd')).code, 0)
    await git(ben, ['update-index', '--refresh', '-q'])
    spawnSync('chmod', ['u+w', join(ben, 'hero.psd')])
    await writeFile(join(ben, 'hero.psd'), 'by ben')
    await commit('ben', ben)
    const halted = await push('ben', ben)
    assert.notEqual(halted.code, 0)
    assert.match(halted.stdout + halted.stderr, /Unable to push locked files[^]*hero\.psd - ann/)
    await writeFile(join(ann, 'hero.psd'), 'by ann')
    await commit('ann', ann)
    const pushed = await push('ann', ann)
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.match(pushed.stderr + pushed.stdout, /Consider unlocking/)
  })

  test('need the right to write, and a user', async () => {
    await createEmpty('team/rights')
    await createEmpty('open/rights')
    const locks = '/team/rights.git/info/lfs/locks'
    assert.equal((await api(undefined, locks)).status, 401)
    assert.equal((await api('carl', locks)).status, 200)
    for (const [path, body] of [
      [locks, { path: 'a' }],
      [`${locks}/verify`, {}],
      [`${locks}/1/unlock`, { force: true }],
    ] as const) {
      assert.equal((await api('carl', path, body)).status, 403, path)
      assert.equal((await api(undefined, path, body)).status, 401, path)
    }
    const open = '/open/rights.git/info/lfs/locks'
    const nobody = await api(undefined, open, { path: 'a' })
    assert.equal(nobody.status, 403)
    assert.match(nobody.body, /A lock needs an owner/)
    assert.equal((await api('carl', open, { path: 'a' })).status, 201)
    assert.deepEqual(((await api(undefined, `${open}/verify`, {})).json as { ours: [] }).ours, [])
  })

  test('go to one of two who ask at once', async () => {
    await createEmpty('team/both')
    const locks = '/team/both.git/info/lfs/locks'
    const asked = Array.from({ length: 10 }, (_, index) => api(index % 2 ? 'ann' : 'ben', locks, { path: 'one.psd' }))
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    assert.equal(statuses.filter((status) => status === 201).length, 1)
    assert.equal(statuses.filter((status) => status === 409).length, 9)
  })

  test('go with a repository that gets another name, and not to its fork', async () => {
    await createEmpty('team/old')
    await api('ann', '/team/old.git/info/lfs/locks', { path: 'hero.psd' })
    await administer('team/old', 'fork', { to: 'team/fork' })
    await administer('team/old', 'rename', { to: 'team/new' })
    const count = async (name: string) =>
      ((await api('ann', `/team/${name}.git/info/lfs/locks`)).json as { locks: object[] }).locks.length
    assert.deepEqual([await count('new'), await count('fork')], [1, 0])
  })

  test('are asked for in words that git-lfs shows', async () => {
    await createEmpty('team/words')
    const locks = '/team/words.git/info/lfs/locks'
    for (const [path, body, status] of [
      [locks, { path: '../x' }, 422],
      [locks, { path: 1 }, 422],
      [`${locks}/verify`, { limit: 'x' }, 422],
      [`${locks}/7/unlock`, {}, 404],
      ['/team/none.git/info/lfs/locks', undefined, 404],
    ] as const) {
      const reply = await api('ann', path, body)
      assert.equal(reply.status, status, reply.body)
      assert.equal(reply.headers['content-type'], 'application/vnd.git-lfs+json')
      assert.ok((reply.json as { message: string }).message.length > 10)
    }
  })
})

describe('objects in S3', { skip: noLfs }, () => {
  test('go there past the gateway, and come back to a clone', async () => {
    const ann = await create('ann', 'art/one')
    // The first of a repository that did not exist came through the host.
    await writeFile(join(ann, 'second.psd'), `${large}2`)
    await commit('ann', ann)
    const pushed = await push('ann', ann)
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.ok(!existsSync(join(stack.root, 'art/one.git/lfs/objects')))
    const pushedWith = s3.requests.length
    const recorded = (await readFile(audit, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditLine)
    const uploads = recorded.filter(({ event, repository }) => event === 'lfs' && repository === 'art/one')
    assert.deepEqual(
      uploads.map(({ user, size }) => [user, size]),
      [
        ['ann', large.length],
        ['ann', large.length + 1],
      ],
    )
    const ben = await follow('ben', 'art/one')
    assert.equal(await readFile(join(ben, 'hero.psd'), 'utf8'), large)
    assert.equal(await readFile(join(ben, 'second.psd'), 'utf8'), `${large}2`)
    assert.equal(s3.requests.slice(pushedWith).filter((line) => line.startsWith('GET ')).length, 2)
    assert.equal((await lfs('ben', ben, 'fsck')).code, 0)
  })

  test('stay when a repository gets another name, are copied to a fork, and go when it is removed for good', async () => {
    await create('ann', 'art/old')
    await administer('art/old', 'fork', { to: 'art/fork', independent: true })
    await administer('art/old', 'rename', { to: 'art/new' })
    for (const name of ['art/new', 'art/fork']) {
      assert.equal(await readFile(join(await follow('ben', name), 'hero.psd'), 'utf8'), large)
    }
    const home = async (name: string) =>
      (JSON.parse(await readFile(join(stack.root, `${name}.git/lfs/s3.json`), 'utf8')) as { home: string }).home
    const [removed, kept] = [await home('art/new'), await home('art/fork')]
    const { id } = (await administer('art/new', undefined)) as { id: string }
    const keysOf = async (name: string) => (await s3.keys()).filter((key) => key.startsWith(name)).length
    assert.equal(await keysOf(removed), 1)
    s3.failWith = 503
    await assert.rejects(purge(id), /lfs_storage_failed|operation_failed/)
    s3.failWith = undefined
    // It cannot be restored any more, and the rest of its removal follows.
    await stopApp(stack.supervisor)
    await stack.restartSupervisor()
    await until(
      'the purged repository to be gone',
      async () => (await keysOf(removed)) === 0 && !existsSync(join(stack.root, '.sluice-trash.lock')),
    )
    assert.equal(await keysOf(kept), 1)
  })

  test('that turn out to be others create no repository', async () => {
    const headers = { Authorization: `Basic ${Buffer.from('ann:ann').toString('base64')}` }
    const address = `${stack.url}/art/never.git/info/lfs/objects/${'ab'.repeat(32)}`
    const { status } = await fetch(address, { method: 'PUT', body: 'something else', headers })
    assert.equal(status, 422)
    await until('the repository to be taken back', () => !existsSync(join(stack.root, 'art/never.git')))
  })

  test('that cannot be reached are a failure in words, and the rest goes on', async () => {
    const ann = await create('ann', 'art/away')
    await writeFile(join(ann, 'hero.psd'), 'another')
    await commit('ann', ann)
    s3.failWith = 503
    const failed = await push('ann', ann)
    s3.failWith = undefined
    assert.notEqual(failed.code, 0)
    assert.match(failed.stderr, /storage of objects in LFS does not answer/)
    assert.equal((await push('ann', ann)).code, 0)
  })
})

async function createEmpty(name: string): Promise<void> {
  await operate('POST', 'repositories', { name })
}

async function administer(name: string, kind: string | undefined, body: object = {}): Promise<unknown> {
  const path = `repositories/${encodeURIComponent(name)}${kind === undefined ? '' : `/${kind}`}`
  return await operate(kind === undefined ? 'DELETE' : 'POST', path, body)
}

async function purge(id: string): Promise<unknown> {
  return await operate('DELETE', `trash/${id}`, {})
}

async function operate(method: string, path: string, body: object): Promise<unknown> {
  const text = JSON.stringify(body)
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }
  const address = `unix:${join(stack.folder, 'run/administration.sock')}`
  const reply = await ask(address, `/-/${path}`, { method, headers, body: text })
  // Of a reply of several lines, the last one counts.
  const last = JSON.parse(reply.body.trim().split('\n').at(-1)!) as { error?: object; result?: object }
  if (last.error) throw new Error(reply.body)
  return last.result ?? last
}
