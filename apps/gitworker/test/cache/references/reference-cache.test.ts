import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { ReferenceCache } from '../../../src/cache/references/reference-cache.ts'
import type { CacheKey } from '../../../src/cache/references/cache-key.ts'
import type { ReferenceCacheOptions } from '../../../src/cache/references/reference-cache.ts'
import { untilClockTicks } from '../../support/clock-tick.ts'

async function setUp(options: ReferenceCacheOptions = {}) {
  const folder = await temporaryFolder()
  const create = (name: string) => {
    const gitDir = join(folder.path, name)
    for (const part of ['objects', 'refs/heads']) fs.mkdirSync(join(gitDir, part), { recursive: true })
    fs.writeFileSync(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n')
    setMain(gitDir, '1')
    return gitDir
  }
  const gitDir = create('r.git')
  const cache = new ReferenceCache({ now: () => Date.now() + 5000, ...options })
  const key = (variant: string, of = gitDir): CacheKey => ({
    gitDir: of,
    kind: 'refs',
    variant,
    uncacheableBecause: [],
  })
  await untilClockTicks(folder.path)
  return {
    cache,
    gitDir,
    create,
    key,
    keep: (variant: string, bytes: string | Buffer, of = gitDir) =>
      cache.prepareEntry(key(variant, of))?.store(Buffer.from(bytes)) ?? false,
    found: (variant: string, of = gitDir) => cache.lookUp(key(variant, of))?.toString(),
    tick: () => untilClockTicks(folder.path),
    async [Symbol.asyncDispose]() {
      cache[Symbol.dispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

function setMain(gitDir: string, digit: string) {
  fs.writeFileSync(join(gitDir, 'refs/heads/main'), `${digit.repeat(40)}\n`)
}

test('a reply is given again until the repository changes', async () => {
  await using s = await setUp()
  assert.equal(s.found('q'), undefined)
  assert.ok(s.keep('q', 'reply'))
  assert.equal(s.found('q'), 'reply')
  assert.equal(s.found('another'), undefined)
  setMain(s.gitDir, '2')
  assert.equal(s.found('q'), undefined)
  setMain(s.gitDir, '1')
  assert.equal(s.found('q'), undefined, 'also when it changes back')
  const { hits, misses, uncacheable } = s.cache
  assert.deepEqual({ hits, misses, uncacheable }, { hits: 1, misses: 4, uncacheable: 0 })
})

test('several entries of one state are valid together and dropped together', async () => {
  await using s = await setUp()
  assert.ok(s.keep('q', 'first') && s.keep('p', 'second') && s.keep('q', 'third'))
  assert.deepEqual([s.found('q'), s.found('p')], ['third', 'second'])
  setMain(s.gitDir, '2')
  await s.tick()
  assert.ok(s.keep('q', 'fourth'))
  assert.deepEqual([s.found('q'), s.found('p')], ['fourth', undefined])
})

test('capabilities survive a change of refs', async () => {
  await using s = await setUp()
  const cacheKey: CacheKey = { ...s.key('q'), kind: 'capabilities' }
  assert.ok(s.cache.prepareEntry(cacheKey)?.store(Buffer.from('capabilities')))
  assert.equal(s.found('q'), undefined, 'the same variant of another kind')
  setMain(s.gitDir, '2')
  assert.equal(s.cache.lookUp(cacheKey)?.toString(), 'capabilities')
})

test('a reply during which the repository changes is not kept', async () => {
  await using s = await setUp()
  const pending = s.cache.prepareEntry(s.key('q'))
  setMain(s.gitDir, '2')
  assert.equal(pending?.store(Buffer.from('stale')), false)
  assert.equal(s.cache.uncacheable, 1)
})

test('nothing is kept of a repository that has just changed, however long git takes to reply', async () => {
  let ahead = 0
  const window = 3_600_000
  await using s = await setUp({ now: () => Date.now() + ahead, racyWindowMs: window, fineRacyWindowMs: window })
  assert.equal(s.keep('q', 'too early'), false)
  const pending = s.cache.prepareEntry(s.key('q'))
  ahead = 2 * window
  assert.ok(!pending?.store(Buffer.from('too early')))
  assert.equal(s.found('q'), undefined)
  assert.ok(s.keep('q', 'reply'))
})

test('during a push, its repository is not cached, and an entry prepared before it is not kept', async () => {
  await using s = await setUp()
  const other = s.create('other.git')
  await s.tick()
  assert.ok(s.keep('q', 'reply') && s.keep('q', 'reply', other))
  const before = s.cache.prepareEntry(s.key('q'))
  const push = s.cache.pushing(s.gitDir)
  const second = s.cache.pushing(s.gitDir)
  assert.equal(s.found('q'), undefined)
  assert.equal(s.cache.prepareEntry(s.key('q')), undefined)
  assert.equal(before?.store(Buffer.from('stale')), false)
  assert.equal(s.found('q', other), 'reply')
  push[Symbol.dispose]()
  push[Symbol.dispose]()
  assert.equal(s.cache.prepareEntry(s.key('q')), undefined, 'one of two pushes is still under way')
  second[Symbol.dispose]()
  assert.equal(s.found('q'), undefined, 'nothing survives a push')
  assert.equal(before?.store(Buffer.from('stale')), false)
  assert.ok(s.keep('q', 'new'))
  assert.equal(before?.store(Buffer.from('stale')), false, 'nor is it kept beside an entry that was prepared after it')
  assert.equal(s.found('q'), 'new')
})

test('the state of a repository, for packs, changes with what packs depend on, and with each push', async () => {
  await using s = await setUp()
  const state = s.cache.stateOf(s.gitDir)
  assert.ok(state !== undefined)
  setMain(s.gitDir, '2')
  assert.equal(s.cache.stateOf(s.gitDir), state, 'a branch')
  fs.mkdirSync(join(s.gitDir, 'refs/tags'))
  await s.tick()
  const withTags = s.cache.stateOf(s.gitDir)
  assert.ok(withTags !== undefined && withTags !== state)
  const push = s.cache.pushing(s.gitDir)
  const during = s.cache.stateOf(s.gitDir)
  push[Symbol.dispose]()
  const states = [withTags, during, s.cache.stateOf(s.gitDir)]
  assert.equal(new Set(states).size, 3)
  assert.ok(!states.includes(undefined))
  fs.writeFileSync(join(s.gitDir, 'config'), '[remote "x"]\n\tpromisor = true\n')
  await s.tick()
  assert.equal(s.cache.stateOf(s.gitDir), undefined, 'it may fetch what it lacks')
})

test('the listener learns which states are gone', async () => {
  const gone: number[] = []
  await using s = await setUp({ onGone: (id) => gone.push(id) })
  const first = s.cache.stateOf(s.gitDir)
  fs.mkdirSync(join(s.gitDir, 'objects/ab'))
  await s.tick()
  const second = s.cache.stateOf(s.gitDir)
  assert.deepEqual(gone, [first])
  using _ = s.cache.pushing(s.gitDir)
  assert.deepEqual(gone, [first, second])
})

test('a reply that differs each time is not kept', async () => {
  await using s = await setUp()
  fs.writeFileSync(join(s.gitDir, 'config'), '[receive]\n\tcertNonceSeed = x\n')
  await s.tick()
  const cacheKey: CacheKey = { ...s.key('q'), uncacheableBecause: ['push-certificate'] }
  assert.equal(s.cache.prepareEntry(cacheKey), undefined)
  assert.ok(s.keep('q', 'reply'), 'others are')
  assert.equal(s.cache.uncacheable, 1)
})

test('memory is bounded, in all and for each entry', async () => {
  await using s = await setUp({ maxBytes: 100_000, maxEntryBytes: 20_000 })
  assert.equal(s.keep('large', Buffer.alloc(20_001)), false)
  for (let index = 0; index < 10; index++) assert.ok(s.keep(`${index}`, Buffer.alloc(20_000)))
  const left = Array.from({ length: 10 }, (_, index) => s.found(`${index}`) !== undefined)
  assert.deepEqual(left, [...Array<boolean>(7).fill(false), true, true, true])
})

test('the number of remembered repositories is bounded', async () => {
  await using s = await setUp({ maxRepositories: 2 })
  const all = ['a.git', 'b.git', 'c.git'].map(s.create)
  await s.tick()
  for (const gitDir of all) assert.ok(s.keep('q', 'reply', gitDir))
  assert.deepEqual(
    all.map((gitDir) => s.found('q', gitDir)),
    [undefined, 'reply', 'reply'],
  )
})

test('no file stays open when a state is replaced, dropped or disposed of', async () => {
  await using s = await setUp({ maxRepositories: 1 })
  const names = ['a.git', 'b.git']
  const [a, b] = names.map(s.create) as [string, string]
  const setList = (gitDir: string, text: string) => {
    fs.mkdirSync(join(gitDir, 'reftable'), { recursive: true })
    fs.writeFileSync(join(gitDir, 'reftable/tables.list'), text)
  }
  for (const gitDir of [a, b]) {
    fs.writeFileSync(join(gitDir, 'config'), '[extensions]\n\trefStorage = reftable\n')
    setList(gitDir, 'one')
  }
  const open = () =>
    [a, b].map((gitDir) => fs.readdirSync('/proc/self/fd').filter((fd) => opened(fd).startsWith(gitDir)).length)
  await s.tick()
  assert.ok(s.keep('q', 'reply', a))
  assert.deepEqual(open(), [1, 0])
  setList(a, 'two')
  await s.tick()
  assert.ok(s.keep('q', 'reply', a))
  assert.deepEqual(open(), [1, 0])
  assert.ok(s.keep('q', 'reply', b))
  assert.deepEqual(open(), [0, 1])
  s.cache[Symbol.dispose]()
  assert.deepEqual(open(), [0, 0])
  using small = new ReferenceCache({ now: () => Date.now() + 5000, maxBytes: 1000 })
  assert.equal(small.prepareEntry(s.key('q', a)), undefined, 'nor of what is too large to be remembered')
  assert.deepEqual(open(), [0, 0])
})

function opened(fd: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // The descriptor with which the folder was listed is closed again.
  }
}

test('an entry is a copy, and an empty reply is an entry too', async () => {
  await using s = await setUp()
  const bytes = Buffer.from('reply')
  assert.ok(s.cache.prepareEntry(s.key('q'))?.store(bytes))
  bytes.fill('x')
  assert.equal(s.found('q'), 'reply')
  assert.ok(s.keep('empty', ''))
  assert.equal(s.found('empty'), '')
})

test('without its window, the cache depends on the clock that stamps files', async (t) => {
  await using s = await setUp({ racyWindowMs: 0, now: () => Date.now() + 5 })
  await using withWindow = await setUp({ now: Date.now })
  const counts = { stale: 0, of: 0 }
  for (let round = 0; round < 1000; round++) {
    setMain(s.gitDir, '1')
    if (s.keep('q', 'one')) counts.of++
    setMain(s.gitDir, '2')
    if (s.found('q') === 'one') counts.stale++
    setMain(withWindow.gitDir, '1')
    withWindow.keep('q', 'one')
    setMain(withWindow.gitDir, '2')
    assert.equal(withWindow.found('q'), undefined)
    if (round % 10 === 0) await setTimeout(1)
  }
  t.diagnostic(`stale without the window: ${counts.stale} of ${counts.of}`)
  assert.ok(counts.of > 0)
})
