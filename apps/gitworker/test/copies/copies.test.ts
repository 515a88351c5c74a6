import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { git, importHistory } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { until } from '@sluice/shared/testing/until'
import { bringRepository } from '../../src/copies/catching-up/bring-repository.ts'
import { Terms } from '../../src/copies/copy/term/terms.ts'
import { NotPrimaryError } from '../../src/copies/primary/primary-of.ts'
import { readState } from '../../src/copies/state/read-state.ts'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'
import type { CopyingHost, FakeCluster } from '../support/copying-hosts.ts'

const term = 7
const never = new AbortController().signal
let cluster: FakeCluster
let one: CopyingHost
let two: CopyingHost
let hosts: AsyncDisposableStack
let gitDir: string

beforeEach(async () => {
  cluster = fakeCluster('one', 'two')
  hosts = new AsyncDisposableStack()
  one = hosts.use(await openCopyingHost(cluster, 'one'))
  two = hosts.use(await openCopyingHost(cluster, 'two'))
  gitDir = join(one.root, 'team/project.git')
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare'])
  await importHistory(gitDir, 3)
})

afterEach(() => hosts.disposeAsync())

const confirm = () => one.copies.confirm('team/project', term)
const atCopy = (...args: string[]) => git(join(two.root, 'team/project.git'), args)
const refsOf = (folder: string) => git(folder, ['for-each-ref', '--format=%(refname) %(objectname) %(symref)'])

async function assertSame(): Promise<void> {
  const copy = join(two.root, 'team/project.git')
  assert.equal(await refsOf(copy), await refsOf(gitDir))
  assert.equal(await git(copy, ['symbolic-ref', 'HEAD']), await git(gitDir, ['symbolic-ref', 'HEAD']))
  assert.deepEqual(await readState(copy, two.reader, never), await readState(gitDir, one.reader, never))
  await git(copy, ['fsck', '--strict', '--connectivity-only'])
  assert.deepEqual(cluster.removed, [])
}

test('a copy gets a repository that it does not have, and follows changes of every kind', async () => {
  await confirm()
  await assertSame()
  // Not only under the name that it had while it was made.
  assert.equal(two.synced.at(-1), join(two.root, 'team/project.git'))
  const [first, second] = (await git(gitDir, ['rev-list', '--reverse', 'main'])).split('\n')
  const changes: [what: string, ...args: string[][]][] = [
    ['a branch is created', ['update-ref', 'refs/heads/topic', second!]],
    ['a branch is forced', ['update-ref', 'refs/heads/topic', first!]],
    ['a tag is made', ['tag', '-a', '-m', 'text', 'v1', 'main']],
    ['a name that shells know', ['update-ref', "refs/heads/it's-$(x)", first!]],
    ['a hidden reference', ['config', 'transfer.hideRefs', 'refs/hidden'], ['update-ref', 'refs/hidden/1', first!]],
    ['a symbolic reference', ['symbolic-ref', 'refs/heads/alias', 'refs/heads/topic']],
    ['where it leads to', ['update-ref', 'refs/heads/topic', second!]],
    ['it leads elsewhere', ['symbolic-ref', 'refs/heads/alias', 'refs/heads/main']],
    ['it is none any more', ['symbolic-ref', '--delete', 'refs/heads/alias'], ['branch', 'alias', first!]],
    ['HEAD', ['symbolic-ref', 'HEAD', 'refs/heads/topic']],
    ['a name becomes a folder', ['branch', '-D', 'alias'], ['branch', 'alias/one', 'main']],
    ['a folder becomes a name', ['branch', '-D', 'alias/one'], ['branch', 'alias', 'main']],
    ['HEAD leads nowhere', ['symbolic-ref', 'HEAD', 'refs/heads/not-yet']],
    ['all is deleted', ['update-ref', '-d', 'refs/heads/topic'], ['update-ref', '-d', 'refs/heads/main']],
  ]
  for (const [what, ...commands] of changes) {
    for (const args of commands) await git(gitDir, args, { env: { GIT_COMMITTER_DATE: '2020-01-01T00:00:00Z' } })
    await confirm()
    await assertSame().catch((error: unknown) => assert.fail(`${what}: ${String(error)}`))
  }
})

test('a repository of SHA-256 without a branch is copied, and HEAD stays a guess', async () => {
  gitDir = join(one.root, 'empty.git')
  await git(one.root, ['init', '--quiet', '--bare', '--object-format=sha256', 'empty.git'])
  await writeFile(join(gitDir, 'sluice-head-is-a-guess'), '')
  await one.copies.confirm('empty', term)
  const copy = join(two.root, 'empty.git')
  assert.equal(await git(copy, ['rev-parse', '--show-object-format']), 'sha256')
  assert.ok((await readdir(copy)).includes('sluice-head-is-a-guess'))
})

test('a copy that cannot bring what it has followed to its disk leaves those in sync', async () => {
  await confirm()
  const copy = join(two.root, 'team/project.git')
  // A file of this name is made when git is done.
  await symlink(join(copy, 'sluice-synced'), join(copy, 'sluice-synced'))
  await git(gitDir, ['update-ref', 'refs/heads/more', 'main'])
  await confirm()
  assert.deepEqual(cluster.removed, ['two'])
  // It has what the primary has, and comes back only when that is on the disk.
  const bring = () => bringRepository(one.brought, { repository: 'team/project', copy: 'two', term }, never)
  await assert.rejects(bring(), /ELOOP/)
  await rm(join(copy, 'sluice-synced'))
  await bring()
})

test('HEAD follows to a branch of any name that a first push may have', async () => {
  await confirm()
  const names = ['gr\u00fcn', 'voil\u00e0', '\u65e5\u672c', '\ufffd', "it's"].map((name) =>
    Buffer.from(name).toString('latin1'),
  )
  for (const name of [...names, 'gr\xfcn', 'voil\xa0']) {
    await writeFile(join(gitDir, 'HEAD'), Buffer.from(`ref: refs/heads/${name}\n`, 'latin1'))
    await confirm()
    assert.equal(await readFile(join(two.root, 'team/project.git/HEAD'), 'latin1'), `ref: refs/heads/${name}\n`)
    assert.deepEqual(cluster.removed, [])
  }
})

test('a copy that has the state already is not sent anything, and runs no hook of its own when it is', async () => {
  await confirm()
  await confirm()
  assert.equal(two.asked.get('/-/copies/follow'), 2)
  assert.equal(one.asked.get('/-/copies/objects'), 1)
  await writeHook(join(two.root, 'team/project.git'), 'reference-transaction', 'exit 1')
  await git(gitDir, ['branch', 'topic', 'main'])
  await confirm()
  await assertSame()
})

test('pushes that come meanwhile share the next round', async () => {
  await confirm()
  const branch = (index: number) => git(gitDir, ['branch', `topic-${index}`, 'main'])
  const confirmed = async (index: number) => {
    await confirm()
    return await atCopy('rev-parse', `topic-${index}`)
  }
  await branch(0)
  const first = confirmed(0)
  for (let index = 1; index < 20; index++) await branch(index)
  // The first round may go on, or be over: either way, these come in the same turn.
  const others = Array.from({ length: 19 }, (_, index) => confirmed(index + 1))
  const main = await git(gitDir, ['rev-parse', 'main'])
  assert.deepEqual(new Set(await Promise.all([first, ...others])), new Set([main]))
  const rounds = two.asked.get('/-/copies/follow')!
  // The one before all of this, the first one, and at most one that had begun when the last of these came.
  assert.ok(rounds <= 4, `${rounds} rounds`)
  await assertSame()
})

test('what another program has changed at the copy is put right', async () => {
  await confirm()
  await atCopy('update-ref', 'refs/heads/stray', 'main')
  await atCopy('symbolic-ref', 'refs/heads/other', 'refs/heads/stray')
  await git(gitDir, ['branch', 'topic', 'main'])
  await confirm()
  await assertSame()
})

test('a copy that is gone is taken out, and the push goes on', async () => {
  await confirm()
  two.server.close()
  two.server.closeAllConnections()
  await git(gitDir, ['branch', 'topic', 'main'])
  await confirm()
  assert.deepEqual(cluster.removed, ['two'])
  assert.equal(one.copies.has('team/project'), false)
})

test('a primary that cannot take a copy out acknowledges nothing', async () => {
  await confirm()
  two.server.close()
  two.server.closeAllConnections()
  cluster.canRemove = false
  await git(gitDir, ['branch', 'topic', 'main'])
  await assert.rejects(confirm(), NotPrimaryError)
})

test('a primary of an older term changes nothing, also where the table still has that term', async () => {
  await confirm()
  const before = await refsOf(join(two.root, 'team/project.git'))
  cluster.record = { ...cluster.record!, term: 9 }
  await git(gitDir, ['branch', 'topic', 'main'])
  await assert.rejects(confirm(), NotPrimaryError)
  await one.copies.confirm('team/project', 9)
  await git(gitDir, ['branch', 'another', 'main'])
  const after = await refsOf(join(two.root, 'team/project.git'))
  assert.notEqual(after, before)
  cluster.record = { ...cluster.record, term: 7 }
  await assert.rejects(confirm(), NotPrimaryError)
  assert.equal(await refsOf(join(two.root, 'team/project.git')), after)
  assert.deepEqual(cluster.removed, [])
})

test('a host that is no copy takes nothing', async () => {
  cluster.record = { ...cluster.record!, copies: ['one', 'three'], inSync: ['one', 'two'] }
  await confirm()
  assert.deepEqual(cluster.removed, ['two'])
  assert.deepEqual(
    (await readdir(two.root)).filter((name) => !name.startsWith('.')),
    [],
  )
})

test('a copy whose git is killed is taken out, and can follow again', async () => {
  await confirm()
  await git(gitDir, ['branch', 'topic', 'main'])
  const confirmed = confirm()
  // Whatever it starts: the first may have ended by itself.
  await until('the copy to be taken out', () => {
    for (const pid of two.serving()) kill(pid)
    return cluster.removed.length > 0
  })
  await confirmed
  assert.deepEqual(cluster.removed, ['two'])
  cluster.removed.length = 0
  cluster.record = { ...cluster.record!, inSync: ['one', 'two'] }
  await confirm()
  await assertSame()
})

/** A worker and its git, if they still live. */
function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

test('a copy that is paused is taken out after a while without progress', async () => {
  await using slow = await openCopyingHost(cluster, 'slow', { copyTimeout: 300 })
  const paused = createServer(() => {}).listen(0, '127.0.0.1')
  await once(paused, 'listening')
  const { port } = paused.address() as { port: number }
  cluster.record = { ...cluster.record!, primary: 'slow', copies: ['slow', 'two'], inSync: ['slow', 'two'] }
  cluster.addresses.set('two', { kind: 'tcp', host: '127.0.0.1', port })
  await git(slow.root, ['init', '--quiet', '--bare', 'project.git'])
  await slow.copies.confirm('project', term)
  assert.deepEqual(cluster.removed, ['two'])
  paused.closeAllConnections()
  paused.close()
})

test('terms of many slots that come at once are written at once', async () => {
  const terms = await Terms.open(one.root)
  const [first, ...others] = Array.from({ length: 100 }, (_, slot) => terms.see(slot, 5))
  await first
  assert.ok(others.every((_, slot) => terms.of(slot) === 5))
  assert.ok((await Promise.all(others)).every(Boolean))
})

test('terms are remembered across a restart, never go back, and a damaged file is refused in words', async () => {
  const terms = await Terms.open(one.root)
  const seen = [terms.see(3, 10), terms.see(4, 11), terms.see(3, 12), terms.see(3, 9)]
  // They are written at once, so that the first one is over by then.
  assert.deepEqual(await Promise.all(seen), [false, true, true, false])
  const again = await Terms.open(one.root)
  assert.deepEqual([again.of(3), again.of(4), again.of(5)], [12, 11, 0])
  assert.equal(await again.see(3, 11), false)
  await writeFile(join(one.root, '.sluice-copies.lock/terms.json'), '{"3":')
  await assert.rejects(Terms.open(one.root), /terms.json is damaged/)
})
