import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { git, importHistory } from '@sluice/shared/testing/git'
import { bringRepository } from '../../src/copies/catching-up/bring-repository.ts'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'
import type { CopyingHost } from '../support/copying-hosts.ts'
import { recordLog } from '../support/recorded-log.ts'

const term = 7
const never = new AbortController().signal
const cluster = fakeCluster('one', 'two')
const { lines, log } = recordLog()
const hosts = new AsyncDisposableStack()
let one: CopyingHost
let two: CopyingHost
let template: string
const id: Record<string, string> = {}

before(async () => {
  one = hosts.use(await openCopyingHost(cluster, 'one'))
  two = hosts.use(await openCopyingHost(cluster, 'two', { log }))
  template = join(one.root, '../template.git')
  await git(join(one.root, '..'), ['init', '--quiet', '--bare', '--initial-branch', 'main', 'template.git'])
  await importHistory(template, 4)
  for (const name of ['main', 'main~1', 'main~2']) id[name] = (await git(template, ['rev-parse', name])).trim()
})

beforeEach(async () => {
  lines.length = 0
  for (const { root } of [one, two]) {
    await rm(join(root, 'r.git'), { recursive: true, force: true })
    await cp(template, join(root, 'r.git'), { recursive: true })
  }
})

after(() => hosts.disposeAsync())

const at = async (host: CopyingHost, ...args: string[]) => (await git(join(host.root, 'r.git'), args)).trim()

/** A commit that nobody else has. */
const strayAt = async (host: CopyingHost, words: string) =>
  await at(host, '-c', 'user.name=ada', '-c', 'user.email=ada@localhost', 'commit-tree', '-m', words, 'main^{tree}')

const catchUp = async () => {
  await bringRepository(one.brought, { repository: 'r', copy: 'two', term }, never)
  assert.equal(await at(two, 'for-each-ref'), await at(one, 'for-each-ref'))
}

const about = { repository: 'r', primary: 'one', term }

/** What is in the log, without what each line has. */
function logged(): object[] {
  return lines.map(({ time, ...line }) => (assert.ok(time), line))
}

test('a copy that catches up names the references that it loses, and no fast-forward', async () => {
  const [moved, removed, tagged] = [await strayAt(two, 'a'), await strayAt(two, 'b'), await strayAt(two, 'c')]
  await at(one, 'update-ref', 'refs/heads/both', id['main~1']!)
  for (const [ref, value] of Object.entries({
    'refs/heads/both': moved,
    'refs/heads/behind': id['main~2']!,
    'refs/hidden/ü': removed,
    'refs/heads/merged': id['main']!,
  }))
    await at(two, 'update-ref', ref, value)
  await at(one, 'update-ref', 'refs/heads/behind', id['main']!)
  await at(two, 'symbolic-ref', 'refs/heads/alias', 'refs/heads/main')
  await at(two, '-c', 'user.name=ada', '-c', 'user.email=a@b', 'tag', '-a', '-m', 'v1', 'v1', tagged)
  const tag = await at(two, 'rev-parse', 'v1')
  await catchUp()
  const lost = [
    { ref: 'refs/heads/both', old: moved, new: id['main~1'] },
    { ref: 'refs/hidden/ü', old: removed, new: null },
    { ref: 'refs/tags/v1', old: tag, new: null },
    { ref: 'refs/heads/merged', old: id['main'], new: null },
  ]
  const msg = 'catching up: this host has lost references that its primary does not have'
  assert.deepEqual(logged(), [{ level: 40, ...about, lost, more: 0, commits: 3, msg }])
  // They are still there.
  for (const commit of [moved, removed, tagged]) await at(two, 'cat-file', '-e', commit)
})

test('branches whose commits others have are no warning, and what is the same or ahead is not named', async () => {
  await at(one, 'update-ref', 'refs/heads/more', id['main']!)
  await at(two, 'update-ref', 'refs/heads/more', id['main~1']!)
  await catchUp()
  await catchUp()
  assert.deepEqual(logged(), [])
  await at(two, 'update-ref', 'refs/heads/merged', id['main~1']!)
  await catchUp()
  const lost = [{ ref: 'refs/heads/merged', old: id['main~1'], new: null }]
  const msg = 'catching up: branches are gone whose commits other references have'
  assert.deepEqual(logged(), [{ level: 30, ...about, lost, more: 0, commits: 0, msg }])
})

test('a HEAD of its own, and a hundred of many references, are named', async () => {
  const stray = await strayAt(two, 'a')
  await at(two, 'update-ref', '--no-deref', 'HEAD', stray)
  const made = Array.from({ length: 150 }, (_, number) => `create refs/heads/t${number} ${id['main~1']}\n`)
  await at(two, 'update-ref', '--no-deref', 'HEAD', stray)
  await at(two, '-c', `alias.many=!printf '${made.join('').replaceAll('\n', '\\n')}' | git update-ref --stdin`, 'many')
  await catchUp()
  const [line] = logged() as [{ level: number; lost: object[]; more: number; commits: number }]
  assert.deepEqual(line.lost[0], { ref: 'HEAD', old: stray, new: 'ref: refs/heads/main' })
  assert.deepEqual([line.level, line.lost.length, line.more, line.commits], [40, 100, 51, 1])
})

test('what a fetch has moved before something else failed is named, too', async () => {
  const stray = await strayAt(two, 'a')
  await at(two, 'update-ref', 'refs/heads/stray', stray)
  await at(one, 'symbolic-ref', 'HEAD', 'refs/heads/other')
  const lock = join(two.root, 'r.git/HEAD.lock')
  await cp(join(two.root, 'r.git/HEAD'), lock)
  await assert.rejects(bringRepository(one.brought, { repository: 'r', copy: 'two', term }, never))
  assert.deepEqual(
    logged().map((line) => 'lost' in line && line.lost),
    [[{ ref: 'refs/heads/stray', old: stray, new: null }]],
  )
})

test('what is told in the usual way is not looked at', async () => {
  await at(two, 'update-ref', 'refs/heads/stray', await strayAt(two, 'a'))
  await one.copies.confirm('r', term)
  assert.equal(await at(two, 'for-each-ref'), await at(one, 'for-each-ref'))
  assert.deepEqual(logged(), [])
})

test('a repository that the primary does not have is named with the id that it has in the trash', async () => {
  await rm(join(one.root, 'r.git'), { recursive: true })
  await bringRepository(one.brought, { repository: 'r', copy: 'two', term }, never)
  const [{ id: trash } = assert.fail()] = await two.trash.list()
  const msg = 'catching up: moved to the trash what the primary does not have, and may never have had'
  assert.deepEqual(logged(), [{ level: 40, ...about, trash, msg }])
})
