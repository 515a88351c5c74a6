import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { git, importHistory } from '@sluice/shared/testing/git'
import { bringRepository } from '../../src/copies/catching-up/bring-repository.ts'
import { NewestTold } from '../../src/copies/copy/newest-told.ts'
import type { StateReader } from '../../src/copies/state/read-state.ts'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'
import type { CopyingHost } from '../support/copying-hosts.ts'

/*
 * Whoever looks after a copy reads the primary's state, and tells it later. What is confirmed in between must survive.
 */

const term = 7
const never = new AbortController().signal
const cluster = fakeCluster('one', 'two')
const hosts = new AsyncDisposableStack()
let one: CopyingHost
let two: CopyingHost
let template: string

before(async () => {
  one = hosts.use(await openCopyingHost(cluster, 'one'))
  two = hosts.use(await openCopyingHost(cluster, 'two'))
  template = join(one.root, '../template.git')
  await git(join(one.root, '..'), ['init', '--quiet', '--bare', 'template.git'])
  await importHistory(template, 3)
})

beforeEach(() => rm(join(one.root, 'r.git'), { recursive: true, force: true }))

after(() => hosts.disposeAsync())

const confirm = () => one.copies.confirm('r', term)
const create = () => cp(template, join(one.root, 'r.git'), { recursive: true })
const atCopy = (...args: string[]) => git(join(two.root, 'r.git'), args)

test('a repository that is made while its absence is on its way to a copy stays there', async () => {
  await confirm()
  const trashed = async () => {
    // It has been read that there is none.
    await create()
    await confirm()
    return null
  }
  await bringRepository({ ...one.brought, trashed }, { repository: 'r', copy: 'two', term }, never)
  assert.equal(await atCopy('rev-parse', 'main'), await git(template, ['rev-parse', 'main']))
  assert.deepEqual(cluster.removed, [])
})

test('HEAD and the configuration stay as they were confirmed while older ones are on their way to a copy', async () => {
  await create()
  await confirm()
  let reads = 0
  const startGit: StateReader['startGit'] = async (args, options) => {
    const running = await one.brought.reader.startGit(args, options)
    if (reads++ > 0) return running
    // HEAD and the configuration have been read.
    await git(join(one.root, 'r.git'), ['symbolic-ref', 'HEAD', 'refs/heads/other'])
    await git(join(one.root, 'r.git'), ['config', 'sluice.test', '1'])
    await confirm()
    return running
  }
  const reader = { ...one.brought.reader, startGit }
  await bringRepository({ ...one.brought, reader }, { repository: 'r', copy: 'two', term }, never)
  assert.equal((await atCopy('symbolic-ref', 'HEAD')).trim(), 'refs/heads/other')
  assert.equal((await atCopy('config', 'sluice.test')).trim(), '1')
  assert.deepEqual(cluster.removed, [])
})

test('what is not remembered by repository any more is taken for done; a new process of the primary begins anew', () => {
  const newest = new NewestTold()
  const told = (repository: string, count: number, run = 'a') => newest.take({ repository, order: { run, count } })
  assert.ok(told('r', 5) && told('r', 5) && told('r', 7))
  assert.equal(told('r', 6), false)
  assert.ok(told('other', 6))
  for (let count = 8; count < 11_000; count++) told(`many-${count}`, count)
  assert.equal(told('r', 6), false)
  assert.ok(told('r', 11_000) && told('r', 1, 'b'))
})

test('a copy where something newer has failed does not say that it has what is older', async () => {
  const newest = new NewestTold()
  const tell = (count: number, act: () => Promise<string>) =>
    newest.inOrder({ repository: 'r', order: { run: 'a', count } }, act, async () => 'what there is')
  await assert.rejects(tell(5, () => Promise.reject(new Error('git has failed'))))
  await assert.rejects(
    tell(4, async () => 'old'),
    /Something newer could not be done/,
  )
  assert.equal(await tell(5, async () => 'new'), 'new')
  assert.equal(await tell(4, async () => 'old'), 'what there is')
})

test('what a copy knew of a repository in an earlier term does not count, since it may have been the primary meanwhile', async () => {
  await create()
  await confirm()
  const { record } = cluster
  const newer = (await git(join(two.root, 'r.git'), ['commit-tree', '-m', 'new', 'main^{tree}'])).trim()
  cluster.record = { ...record!, primary: 'two', term: 9 }
  await atCopy('update-ref', 'refs/heads/main', newer)
  await two.copies.confirm('r', 9, 'push')
  cluster.record = { ...record!, term: 11 }
  await git(join(one.root, 'r.git'), [
    'update-ref',
    'refs/heads/main',
    (await git(template, ['rev-parse', 'main'])).trim(),
  ])
  await one.copies.confirm('r', 11, 'push')
  assert.equal(await atCopy('rev-parse', 'main'), await git(template, ['rev-parse', 'main']))
  assert.deepEqual(cluster.removed, [])
})
