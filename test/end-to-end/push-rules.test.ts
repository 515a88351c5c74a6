import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Protected references, as users who push see them. */

const rules = [
  '**:refs/heads/main=no-force',
  '**:refs/heads/keep/**=no-delete',
  '**:refs/tags/v*=no-force+no-delete',
  '**:refs/heads/frozen=nobody',
  'other/**:refs/heads/**=nobody',
  '**:refs/tags/v*.*.*=nobody',
].join(', ')

let stack: Stack
before(async () => {
  stack = await startStack({ SLUICE_PROTECTED_REFS: rules })
})
after(() => stack[Symbol.asyncDispose]())

let count = 0

/**
 * A repository with some branches and a tag, and a clone of it. The clone has a commit that is ahead of main and one
 * that is not.
 */
async function workWith(place = 'team') {
  const name = `${place}/r${++count}.git`
  const gitDir = join(stack.root, name)
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 3)
  for (const branch of ['keep/one', 'frozen', 'free']) await git(gitDir, ['branch', branch, 'main'])
  await git(gitDir, ['tag', 'v1', 'main'])
  const work = join(stack.folder, `work-${count}`)
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}`, work])
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'Ahead'])
  await git(work, ['branch', 'ahead'])
  await git(work, ['checkout', '--quiet', '-b', 'aside', 'main~2'])
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'Aside'])
  return {
    name,
    gitDir,
    work,
    push: async (...args: string[]) => tryGit(work, ['push', 'origin', ...args]),
    refs: async () => git(gitDir, ['for-each-ref']),
  }
}

const allowed: readonly (readonly string[])[] = [
  ['ahead:main'],
  ['ahead:keep/one'],
  ['+aside:keep/one'],
  ['+aside:free'],
  [':free'],
  ['ahead:refs/heads/new'],
  ['ahead:refs/tags/v2'],
  ['ahead:main', 'ahead:free', 'ahead:refs/tags/other'],
]

test('allowed pushes are done', async () => {
  for (const specs of allowed) {
    const { push, refs } = await workWith()
    const before_ = await refs()
    const { code, stderr } = await push(...specs)
    assert.equal(code, 0, `${specs.join(' ')}: ${stderr}`)
    assert.notEqual(await refs(), before_, specs.join(' '))
  }
})

const refusedBeforeGit: readonly (readonly [readonly string[], RegExp])[] = [
  [[':main'], /\[remote rejected\] main \(protected: it must not be deleted\)/],
  [[':keep/one'], /\[remote rejected\] keep\/one \(protected: it must not be deleted\)/],
  [['ahead:frozen'], /\[remote rejected\] ahead -> frozen \(protected: it must not be pushed to\)/],
  [[':frozen'], /protected: it must not be pushed to/],
  [['+aside:v1'], /\[remote rejected\] aside -> v1 \(protected: it must not be changed once it is there\)/],
  [['ahead:free', 'ahead:frozen'], /ahead -> free \(not pushed, since another one is protected\)/],
  [['--atomic', 'ahead:free', ':keep/one'], /protected: it must not be deleted/],
]

test('a push that the rules forbid is refused in words before git is started, and nothing of it is done', async () => {
  for (const [specs, expected] of refusedBeforeGit) {
    const { push, refs, name } = await workWith()
    const before_ = await refs()
    const { code, stderr } = await push(...specs)
    assert.notEqual(code, 0, specs.join(' '))
    assert.match(stderr, expected, specs.join(' '))
    assert.match(stderr, /remote: refs\/\S+ is protected in team\/r\d+: /)
    assert.match(stderr, /remote: Nothing of this push was taken/)
    assert.equal(await refs(), before_, specs.join(' '))
    const fits = (line: Record<string, unknown>) => line['repository'] === name && line['reason'] === 'protected_ref'
    const line = await stack.supervisor.line(fits)
    assert.equal(line['outcome'], 'refused')
    assert.equal(line['worker'], undefined)
    assert.equal((await stack.gateway.line(fits))['outcome'], 'refused')
  }
})

test('a protected branch moves forward only', async () => {
  const { push, refs } = await workWith()
  const before_ = await refs()
  const { code, stderr } = await push('+aside:main')
  assert.notEqual(code, 0)
  assert.match(stderr, /\[remote rejected\] aside -> main \(non-fast-forward\)/)
  assert.equal(await refs(), before_)
})

test('a push that moves a protected branch may force nothing else, and its user is told so', async () => {
  const { push, gitDir } = await workWith()
  const { stderr } = await push('ahead:main', '+aside:free')
  assert.match(stderr, /ahead -> main$/m)
  assert.match(stderr, /\[remote rejected\] aside -> free \(non-fast-forward\)/)
  assert.equal(await git(gitDir, ['log', '-1', '--format=%s', 'main']), 'Ahead')
  assert.equal((await push('+aside:free')).code, 0)
})

test('a rule counts for every name of a reference, and for a replaced history', async () => {
  const { push, refs, gitDir, work } = await workWith()
  await git(gitDir, ['symbolic-ref', 'refs/heads/alias', 'refs/heads/frozen'])
  await git(gitDir, ['symbolic-ref', 'refs/heads/main-too', 'refs/heads/main'])
  const before_ = await refs()
  assert.match((await push('ahead:alias')).stderr, /it stands for refs\/heads\/frozen, which must not be pushed to/)
  assert.match((await push('+aside:main-too')).stderr, /non-fast-forward|rejected/)
  assert.equal(await refs(), before_)
  // A commit that a replacement makes a child of main.
  const aside = await git(work, ['rev-parse', 'aside'])
  const graft = await git(work, ['commit-tree', '-p', 'main', '-m', 'Graft', 'main^{tree}'])
  assert.equal((await push(`${graft}:refs/replace/${aside}`)).code, 0)
  assert.match((await push('+aside:main')).stderr, /non-fast-forward/)
})

test('rules apply to the repositories that they name, under all of their names', async () => {
  const { work, gitDir, name } = await workWith('other')
  const before_ = await git(gitDir, ['for-each-ref'])
  for (const spelling of [name, name.replace(/\.git$/, ''), name.replace('other', '%6fther')]) {
    const { stderr } = await tryGit(work, ['push', `${stack.url}/${spelling}`, 'ahead:free'])
    assert.match(stderr, /protected: it must not be pushed to/, spelling)
  }
  assert.equal(await git(gitDir, ['for-each-ref']), before_)
})

test('a large push is refused in words, not by a broken connection', async () => {
  const { push, work } = await workWith()
  await writeFile(join(work, 'large'), randomBytes(24 * 2 ** 20))
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', 'Large'])
  const { stderr } = await push('+HEAD:frozen')
  assert.match(stderr, /HEAD -> frozen \(protected: it must not be pushed to\)/)
  assert.doesNotMatch(stderr, /RPC failed|hung up/)
})

test('a push is judged by everything that git would read as a command', async () => {
  const { name, gitDir, refs } = await workWith()
  const id = await git(gitDir, ['rev-parse', 'main'])
  const zero = '0'.repeat(40)
  const before_ = await refs()
  const features = '\0 report-status object-format=sha1'
  const bodies: Record<string, Buffer> = {
    'behind another one': Buffer.from(
      pktLine(`${zero} ${id} refs/heads/new${features}`) + pktLine(`${id} ${zero} refs/heads/frozen`) + flushPacket,
    ),
    'with an old id that is made up': Buffer.from(pktLine(`${zero} ${zero} refs/heads/main${features}`) + flushPacket),
    'in capitals': Buffer.from(pktLine(`${id.toUpperCase()} ${zero} refs/heads/main${features}`) + flushPacket),
    'behind a shallow line': Buffer.from(
      pktLine(`shallow ${id}`) + pktLine(`${id} ${zero} refs/heads/frozen${features}`) + flushPacket,
    ),
    'in a certificate': Buffer.from(
      pktLine(`push-cert${features}`) +
        pktLine('certificate version 0.1\n') +
        pktLine('\n') +
        pktLine(`${id} ${zero} refs/heads/frozen\n`) +
        pktLine('push-cert-end\n') +
        flushPacket,
    ),
  }
  for (const [what, body] of Object.entries(bodies)) {
    for (const encoded of [false, true]) {
      const reply = await ask(stack.gateway.address, `/${name}/git-receive-pack`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/x-git-receive-pack-request',
          ...(encoded && { 'Content-Encoding': 'gzip' }),
        },
        body: encoded ? gzipSync(body) : body,
      })
      assert.equal(reply.status, 200, what)
      assert.equal(reply.headers['sluice-reason'], 'protected_ref', what)
      assert.match(reply.body, /ng refs\/heads\/(frozen|main) protected: /, what)
    }
  }
  assert.equal(await refs(), before_)
})

test('endless lists of commands are refused, and leave nothing', async () => {
  const { name, gitDir } = await workWith()
  const id = await git(gitDir, ['rev-parse', 'main'])
  const line = (n: number) =>
    pktLine(`${'0'.repeat(40)} ${id} refs/heads/many-${n}${n === 0 ? '\0 report-status' : ''}`)
  const many = Array.from({ length: 20_000 }, (_, n) => line(n)).join('') + flushPacket
  const reply = await ask(stack.gateway.address, `/${name}/git-receive-pack`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-git-receive-pack-request' },
    body: many,
  })
  assert.equal(reply.headers['sluice-reason'], 'too_many_refs')
  await until('nothing to be at work', async () => isQuiet(await stack.status()))
  assert.doesNotMatch(await git(gitDir, ['for-each-ref']), /many-/)
})

test('a rule applies to every name that git takes, whatever its characters', async () => {
  const { push, refs } = await workWith('other')
  const before_ = await refs()
  for (const branch of ['a\u0080b', 'a\u0085', 'a\u200bb', 'ü', 'foo./bar', 'a.LOCK']) {
    const { code, stderr } = await push(`ahead:refs/heads/${branch}`)
    assert.notEqual(code, 0, branch)
    assert.match(stderr, /protected: it must not be pushed to/, branch)
  }
  assert.equal(await refs(), before_)
})

test('names that no reference can have cost no time', async () => {
  const { name, gitDir, refs } = await workWith()
  const before_ = await refs()
  const id = await git(gitDir, ['rev-parse', 'main'])
  const commandFor = (ref: string) => pktLine(`${'0'.repeat(40)} ${id} ${ref}\0 report-status object-format=sha1`)
  const pushOf = (ref: string) =>
    ask(stack.gateway.address, `/${name}/git-receive-pack`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-git-receive-pack-request' },
      body: Buffer.concat([Buffer.from(commandFor(ref) + flushPacket), emptyPack]),
    })
  const funny = await pushOf(`refs/tags/v${'.'.repeat(4000)}/x`)
  assert.match(funny.body, /ng refs\/tags\/v\.+\/x funny refname/)
  const long = await pushOf(`refs/tags/v${'.a'.repeat(30_000)}/x`)
  assert.equal(long.headers['sluice-reason'], 'protected_ref')
  assert.match(long.body, /its name is longer than 4096 bytes/)
  await until('nothing to be at work', async () => isQuiet(await stack.status()))
  assert.equal(await refs(), before_)
})

/** Version 2, no objects, and the SHA-1 of that. */
const emptyPack = Buffer.from('5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex')
