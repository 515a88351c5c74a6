import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { bringRepository, OwnStateError } from '../../src/copies/catching-up/bring-repository.ts'
import { readState } from '../../src/copies/state/read-state.ts'
import { hashOfTexts } from '../../src/copies/state/repository-texts.ts'
import { absentDigest } from '../../src/copies/state/state-digest.ts'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'
import type { CopyingHost, FakeCluster } from '../support/copying-hosts.ts'

const term = 7
const never = new AbortController().signal
let cluster: FakeCluster
let one: CopyingHost
let two: CopyingHost
let hosts: AsyncDisposableStack
let gitDir: string
let copy: string

beforeEach(async () => {
  cluster = fakeCluster('one', 'two')
  hosts = new AsyncDisposableStack()
  one = hosts.use(await openCopyingHost(cluster, 'one'))
  two = hosts.use(await openCopyingHost(cluster, 'two'))
  gitDir = join(one.root, 'team/project.git')
  copy = join(two.root, 'team/project.git')
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', '--template='])
  await importHistory(gitDir, 2)
})

afterEach(() => hosts.disposeAsync())

const confirm = () => one.copies.confirm('team/project.git', term)
const bringTo = ({ name }: CopyingHost) =>
  bringRepository(one.brought, { repository: 'team/project', copy: name, term }, never)
const rest = { trashed: null, isWhole: false, offer: null }
const stateOf = (host: CopyingHost, folder: string) => readState(folder, host.reader, never)

test('configuration and description are copied, also where nothing else has changed', async () => {
  await confirm()
  const texts: [config: string[], description: string][] = [
    [['receive.denyNonFastForwards', 'true'], 'One'],
    [['--unset', 'receive.denyNonFastForwards'], 'Zwei: ü \xff'],
    [['sluice.readonly', 'Moved to ü'], ''],
  ]
  for (const [args, description] of texts) {
    await git(gitDir, ['config', ...args])
    await writeFile(join(gitDir, 'description'), description, 'latin1')
    await confirm()
    assert.deepEqual(await stateOf(two, copy), await stateOf(one, gitDir))
    assert.deepEqual(await readFile(join(copy, 'config')), await readFile(join(gitDir, 'config')))
  }
  assert.equal(existsSync(join(copy, 'description')), false)
  assert.deepEqual(
    (await readdir(copy)).filter((name) => name.includes('.new')),
    [],
  )
  assert.deepEqual(cluster.removed, [])
})

test('a configuration that git does not understand is not taken over', async () => {
  await confirm()
  const before = await readFile(join(copy, 'config'), 'utf8')
  const follow = async (config: string) => {
    const state = { format: 'sha1' as const, head: 'ref: refs/heads/main', headIsGuess: false, symbolic: [] }
    const texts = hashOfTexts({ config, description: '', locksHash: '' })
    await writeFile(join(gitDir, 'config'), config)
    const told = { repository: 'team/project', term, primary: 'one', digest: texts, state: { ...state, texts } }
    await two.followers.follow({
      told: { ...told, ...rest, order: one.brought.tellings.next() },
      signal: never,
      onProgress() {},
    })
  }
  await assert.rejects(follow('[core\n'), /git does not understand the configuration of the primary: .*config.new/)
  const reftable = '[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\trefstorage = reftable\n'
  await assert.rejects(follow(reftable), /of another kind \(extensions.refstorage reftable\) than the copy/)
  assert.equal(await readFile(join(copy, 'config'), 'utf8'), before)
})

test('a configuration that is too large takes the copies out, and the push goes on', async () => {
  await confirm()
  await writeFile(join(gitDir, 'config'), `${await readFile(join(gitDir, 'config'), 'utf8')}# ${'x'.repeat(70_000)}\n`)
  await confirm()
  assert.deepEqual(cluster.removed, ['two'])
  await assert.rejects(stateOf(one, gitDir), /config is larger than 64 KiB, so it cannot be copied\. Make it shorter/)
})

test('a repository that the primary has not any more goes to the trash of the copy, and can come again', async () => {
  await confirm()
  await rename(gitDir, join(one.root, 'aside'))
  await confirm()
  await confirm()
  assert.equal(existsSync(join(two.root, 'team')), false)
  const [entry, ...others] = await two.trash.list()
  assert.deepEqual(others, [])
  assert.equal(entry!.repository, 'team/project')
  const hours = (Date.parse(entry!.keptUntil!) - Date.now()) / 3_600_000
  assert.ok(hours > 23 && hours <= 24, `${hours} hours`)
  await git(entry!.path, ['fsck', '--connectivity-only'])
  await rename(join(one.root, 'aside'), gitDir)
  await confirm()
  assert.deepEqual(await stateOf(two, copy), await stateOf(one, gitDir))
  assert.deepEqual(cluster.removed, [])
})

test('a primary whose root is gone tells nobody that there is nothing', async () => {
  await confirm()
  await rename(one.root, `${one.root}.old`)
  await mkdir(one.root)
  await assert.rejects(confirm(), /is gone: is the disk of SLUICE_ROOT mounted\?/)
  const toBring = { repository: 'team/project', copy: 'two', term }
  await assert.rejects(bringRepository(one.brought, toBring, never), OwnStateError)
  assert.ok(existsSync(copy))
  assert.deepEqual(cluster.removed, [])
})

test('a copy whose root is gone neither makes a repository there, nor says that it has none', async () => {
  await confirm()
  const gone = `${two.root}.gone`
  await rename(two.root, gone)
  await mkdir(two.root)
  await assert.rejects(bringTo(two), /is the disk of SLUICE_ROOT mounted/)
  assert.deepEqual(await readdir(two.root), [])
  await rename(gitDir, `${gitDir}.gone`)
  await confirm()
  assert.deepEqual(cluster.removed, ['two'])
  assert.equal(existsSync(join(gone, 'team/project.git/HEAD')), true)
})

test('a repository that is damaged at the primary is not taken for one that is gone', async () => {
  await confirm()
  for (const part of ['HEAD', 'objects', 'refs']) {
    await rename(join(gitDir, part), join(one.root, part))
    await assert.rejects(bringTo(two), OwnStateError)
    await assert.rejects(confirm(), /is no repository for git/)
    await rename(join(one.root, part), join(gitDir, part))
  }
  assert.equal(existsSync(copy), true)
  assert.deepEqual(cluster.removed, [])
  // Nor is a folder above others taken for a repository.
  await bringRepository(one.brought, { repository: 'team', copy: 'two', term }, never)
})

test('the trash of a copy has what the trash of its primary says of it', async () => {
  await confirm()
  const trashed = { id: '20260101T000000Z-00112233', keptUntil: null }
  const order = one.brought.tellings.next()
  const told = {
    repository: 'team/project',
    term,
    primary: 'one',
    digest: absentDigest,
    state: null,
    ...rest,
    order,
    trashed,
  }
  assert.equal(await two.followers.follow({ told, signal: never, onProgress() {} }), absentDigest)
  const [entry] = await two.trash.list()
  assert.deepEqual([entry!.id, entry!.keptUntil], [trashed.id, null])
})

test('a repository of another object format takes the place of one that was deleted', async () => {
  await confirm()
  await rm(gitDir, { recursive: true })
  await git(one.root, ['init', '--quiet', '--bare', '--object-format=sha256', gitDir])
  await confirm()
  assert.deepEqual(await stateOf(two, copy), await stateOf(one, gitDir))
  assert.equal((await two.trash.list()).length, 1)
  assert.deepEqual(cluster.removed, [])
})

test('a fork at the copy finds its objects in the trash, and readers are not waited for without end', async () => {
  await confirm()
  const fork = join(two.root, 'fork.git')
  await git(two.root, ['clone', '--quiet', '--bare', '--shared', copy, fork])
  await rename(gitDir, join(one.root, 'aside'))
  using _reader = two.users.enter(copy)
  await confirm()
  assert.equal(existsSync(copy), false)
  await git(fork, ['fsck', '--connectivity-only'])
  assert.deepEqual(cluster.removed, [])
})

test('a push that waits for its copies is served while the repository is being closed for a move', async () => {
  await confirm()
  using push = one.users.enter(gitDir)
  await git(gitDir, ['branch', 'topic', 'main'])
  const closing = one.users.close(gitDir, 60_000, never)
  let isClosed = false
  closing.then(
    () => (isClosed = true),
    () => {},
  )
  await confirm()
  assert.deepEqual(cluster.removed, [])
  assert.equal(isClosed, false)
  push[Symbol.dispose]()
  using _closed = await closing
  assert.throws(() => one.users.join(gitDir), { reason: 'repository_moving' })
  await until('it to be closed', () => isClosed)
})

test('what is dropped needs no look at all repositories where it is known what they borrow from', async () => {
  await confirm()
  // It cannot be read what this one borrows from.
  await git(two.root, ['init', '--quiet', '--bare', '--template=', 'odd.git'])
  await mkdir(join(two.root, 'odd.git/objects/info/alternates'), { recursive: true })
  const drop = (lent?: ReadonlySet<string>) => two.followers.drop('team/project', () => false, { signal: never, lent })
  await assert.rejects(drop(), { reason: 'borrowers_unknown' })
  await assert.rejects(drop(new Set([join(copy, 'objects')])), { reason: 'borrowers_unknown' })
  await drop(new Set())
  assert.equal(existsSync(copy), false)
})
