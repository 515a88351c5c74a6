import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { Trash } from '../../src/administration/trash/trash.ts'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'

const alone = { primary: 'one', copies: ['one'], inSync: ['one'] } as const
let hosts: HostsInProcess
let work: string

let startTwo: () => Promise<unknown>

before(async () => {
  hosts = await openHostsInProcess()
  const program = join(hosts.folder, 'git')
  await writeFile(program, gitThatStops(hosts.rootOf('two'), hold()), { mode: 0o755 })
  startTwo = () => hosts.start('two', { SLUICE_GIT: program })
  await hosts.start('one')
  await startTwo()
  work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 5)
})

after(() => hosts[Symbol.asyncDispose]())

/** While there is this file, the second host copies one of `many` repositories, and then no other. */
const hold = () => join(hosts.folder, 'hold')

function gitThatStops(root: string, held: string): string {
  const waits = `while [ -e ${held} ] && ls -d ${root}/many-*.git >/dev/null 2>&1; do sleep 0.05; done`
  return `#!/bin/sh\ncase "$*" in *' copy') ${waits} ;; esac\nexec git "$@"\n`
}

const push = (repository: string, ...refs: string[]) =>
  git(work, ['push', '--quiet', '--force', hosts.urlOf('one', repository), ...refs])

/** The balancer's part: `two` is to keep the slot, too. */
async function addCopy(repository: string): Promise<void> {
  const { term } = await hosts.recordOf(repository)
  await hosts.place(repository, { primary: 'one', copies: ['one', 'two'], inSync: ['one'], term })
}

async function untilInSync(repository: string): Promise<void> {
  await until(`${repository} to be in sync`, async () => (await hosts.inSyncOf(repository)).includes('two'))
}

async function assertSame(repository: string): Promise<void> {
  assert.equal(await hosts.refsAt('two', repository), await hosts.refsAt('one', repository))
  await git(join(hosts.rootOf('two'), repository), ['fsck', '--strict', '--connectivity-only'])
}

test('a copy that is added gets all repositories of the slot and is taken in, while pushes go on', async () => {
  await hosts.place('project.git', alone)
  await push('project.git', 'main', 'main~1:refs/hidden/one')
  await addCopy('project.git')
  for (let count = 0; !(await hosts.inSyncOf('project.git')).includes('two'); count++) {
    await push('project.git', `main~${count % 4}:refs/heads/topic-${count % 7}`)
  }
  await assertSame('project.git')
  await push('project.git', 'main:another')
  await assertSame('project.git')
})

test('a slot without repositories is taken in', async () => {
  await hosts.place('nothing.git', alone)
  await addCopy('nothing.git')
  await untilInSync('nothing.git')
  await push('nothing.git', 'main')
  await assertSame('nothing.git')
})

function namesOfSlot(slot: number, beginning: string, count: number): string[] {
  const names: string[] = []
  for (let number = 0; names.length < count; number++) {
    if (slotOf(`${beginning}-${number}`) === slot) names.push(`${beginning}-${number}.git`)
  }
  return names
}

/** The names of what is in a host's trash. */
async function trashOf(host: string): Promise<string[]> {
  const entries = await new Trash(hosts.rootOf(host), undefined).list()
  return entries.map(({ repository }) => repository)
}

test('a copy that is stopped in the middle, and then a primary that begins a new term, go on where they were', async () => {
  const names = namesOfSlot(slotOf('many-0'), 'many', 8)
  const [first] = names as [string]
  for (const name of names) await git(work, ['clone', '--quiet', '--bare', work, join(hosts.rootOf('one'), name)])
  await hosts.place(first, alone)
  await writeFile(hold(), '')
  await addCopy(first)
  const copied = async () => (await readdir(hosts.rootOf('two'))).filter((name) => /^many-\d+\.git$/.test(name)).length
  await until('the first to be copied', async () => (await copied()) > 0)
  await hosts.stop('two')
  assert.deepEqual(await hosts.inSyncOf(first), ['one'])
  assert.equal(await copied(), 1)
  await rm(hold())
  await startTwo()
  await until('one more to be copied', async () => (await copied()) > 1)
  await hosts.place(first, { primary: 'one', copies: ['one', 'two'], inSync: ['one'] })
  await push(first, 'main:refs/heads/meanwhile')
  await untilInSync(first)
  for (const name of names) await assertSame(name)
})

test('a copy that was away gets what it has missed, and loses what was never acknowledged', async () => {
  await hosts.place('away.git', { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'] })
  await push('away.git', 'main', 'main:refs/heads/old')
  await hosts.stop('two')
  await push('away.git', 'main~1:main', ':old', 'main~2:refs/heads/new')
  assert.deepEqual(await hosts.inSyncOf('away.git'), ['one'])
  await git(join(hosts.rootOf('two'), 'away.git'), ['update-ref', 'refs/heads/stray', 'main'])
  const [extra] = namesOfSlot(slotOf('away.git'), 'extra', 1) as [string]
  await git(work, ['clone', '--quiet', '--bare', work, join(hosts.rootOf('two'), extra)])
  await startTwo()
  await untilInSync('away.git')
  await assertSame('away.git')
  // A creation that was never acknowledged.
  assert.deepEqual(await trashOf('two'), [extra.replace('.git', '')])
  await push('away.git', 'main')
  await assertSame('away.git')
})

test('what is to be kept by others only goes to the trash, once they have it', async () => {
  const both = ['one', 'two']
  await hosts.place('dropped.git', { primary: 'one', copies: both, inSync: both })
  await push('dropped.git', 'main')
  const { term } = await hosts.recordOf('dropped.git')
  await hosts.place('dropped.git', { ...alone, term })
  await until('it to be in the trash', async () => (await trashOf('two')).includes('dropped'))
  await push('dropped.git', 'main:refs/heads/topic')
  // It is wanted again.
  await addCopy('dropped.git')
  await untilInSync('dropped.git')
  await assertSame('dropped.git')
})

test('a repository that cannot be copied keeps its own slot out, and no other', async () => {
  await hosts.place('stuck.git', { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'] })
  await hosts.place('well.git', alone)
  await push('stuck.git', 'main')
  await push('well.git', 'main')
  const lock = join(hosts.rootOf('two'), 'stuck.git/refs/heads/main.lock')
  await writeFile(lock, '')
  await push('stuck.git', 'main~1:main')
  await addCopy('well.git')
  await untilInSync('well.git')
  await assertSame('well.git')
  assert.deepEqual(await hosts.inSyncOf('stuck.git'), ['one'])
  await rm(lock)
  await untilInSync('stuck.git')
  await assertSame('stuck.git')
})

test('what a host has of a slot that it never kept is not touched, and it is not taken in', async () => {
  await hosts.place('other.git', alone)
  await push('other.git', 'main')
  const folder = join(hosts.rootOf('two'), 'other.git')
  await mkdir(folder)
  await git(folder, ['init', '--quiet', '--bare'])
  await importHistory(folder, 1)
  const found = await hosts.refsAt('two', 'other.git')
  await addCopy('other.git')
  // A slot that is listed after it, and therefore with it or later.
  await hosts.place('later.git', alone)
  await addCopy('later.git')
  await untilInSync('later.git')
  await push('other.git', 'main:topic')
  assert.equal(await hosts.refsAt('two', 'other.git'), found)
  assert.deepEqual(await hosts.inSyncOf('other.git'), ['one'])
  await rm(folder, { recursive: true })
  await untilInSync('other.git')
  await assertSame('other.git')
})

test('a host whose disk was lost is in sync no more, and gets everything again', async () => {
  const both = ['one', 'two']
  await hosts.place('lost.git', { primary: 'one', copies: both, inSync: both })
  await push('lost.git', 'main')
  await hosts.stop('two')
  await rm(hosts.rootOf('two'), { recursive: true })
  await startTwo()
  await untilInSync('lost.git')
  await assertSame('lost.git')
})

test('a new primary takes back what a copy in sync has and nobody acknowledged', async () => {
  const both = ['one', 'two']
  await hosts.place('taken.git', { primary: 'one', copies: both, inSync: both })
  await push('taken.git', 'main')
  const refsAt = (host: string) => hosts.refsAt(host, 'taken.git')
  await git(join(hosts.rootOf('one'), 'taken.git'), ['update-ref', 'refs/heads/stray', 'main'])
  await hosts.place('taken.git', { primary: 'two', copies: both, inSync: both })
  await until('the stray to be gone', async () => (await refsAt('one')) === (await refsAt('two')))
  assert.deepEqual(await hosts.inSyncOf('taken.git'), both)
})

test('a copy of all slots is taken into those without repositories by few swaps', async () => {
  const placed = await hosts.placeAll({ primary: 'one', copies: ['one', 'two'], inSync: ['one'] })
  await until('all to be in sync', async () =>
    (await hosts.records()).records.every(({ inSync }) => inSync.length === 2),
  )
  const { revision, records } = await hosts.records()
  assert.equal(records.length, slotCount)
  assert.ok(revision - placed < 200, `${revision - placed} changes`)
})
