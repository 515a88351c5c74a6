import assert from 'node:assert/strict'
import { existsSync, renameSync } from 'node:fs'
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before as beforeAll, test } from 'node:test'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import type { Purged } from '../../src/administration/change/purge-repository.ts'
import type { TrashList } from '../../src/administration/trash/list-trash.ts'
import { readTrashNote } from '../../src/administration/trash/trash-note.ts'
import { administer } from '../support/administer.ts'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'

let hosts: HostsInProcess
let work: string
const parts = new AsyncDisposableStack()

beforeAll(async () => {
  hosts = parts.use(await openHostsInProcess())
  for (const name of ['one', 'two', 'three']) await hosts.start(name)
  work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 2)
})

after(() => parts.disposeAsync())

async function done<T = Record<string, unknown>>(host: string, method: string, path: string, body?: object) {
  const answer = await administer(join(hosts.folder, `run-${host}`), method, path, body)
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.body}`)
  const last = JSON.parse(answer.body.trim().split('\n').at(-1)!) as { result?: T; error?: unknown }
  assert.equal(last.error, undefined, answer.body)
  return last.result ?? (last as T)
}

const trashOf = (host: string) => done<TrashList>(host, 'GET', 'trash')
const purge = (host: string, id: string, repository: string) =>
  done<Purged>(host, 'DELETE', `trash/${id}`, { repository })
const placeOf = (host: string, id = '') => join(hosts.rootOf(host), '.sluice-trash.lock', id)
const idsAt = async (host: string) =>
  (await readdir(placeOf(host)).catch(() => [] as string[])).toSorted((a, b) => (a < b ? -1 : 1))

async function pushed(name: string, copies: readonly string[] = ['one', 'two']): Promise<void> {
  await hosts.place(`${name}.git`, { primary: copies[0]!, copies, inSync: copies })
  await git(work, ['push', '--quiet', hosts.urlOf(copies[0]!, `${name}.git`), 'main'])
}

async function deleted(name: string): Promise<string> {
  const { id } = await done<{ id: string }>('one', 'DELETE', `repositories/${encodeURIComponent(name)}`)
  return id
}

test('what is purged goes from the trash of all hosts, and what is restored stays in none', async () => {
  await pushed('team/app')
  const first = await deleted('team/app')
  const { trash, unasked } = await trashOf('three')
  assert.deepEqual(
    trash.map(({ id, repository, isHere, elsewhere, isDropped }) => [id, repository, isHere, elsewhere, isDropped]),
    [[first, 'team/app', false, ['one', 'two'], false]],
  )
  assert.deepEqual(unasked, [])
  await done('one', 'POST', `trash/${first}/restore`, {})
  assert.equal(await hosts.refsAt('two', 'team/app.git'), await hosts.refsAt('one', 'team/app.git'))
  assert.deepEqual([await idsAt('one'), await idsAt('two')], [[], []])

  const second = await deleted('team/app')
  const elsewhere = { removedFrom: ['two'], left: [] }
  assert.deepEqual(await purge('one', second, 'team/app'), {
    purged: 'team/app',
    id: second,
    isRemovedHere: true,
    elsewhere,
  })
  assert.deepEqual([await idsAt('one'), await idsAt('two')], [[], []])
  const again = await administer(join(hosts.folder, 'run-one'), 'DELETE', `trash/${second}`, { repository: 'team/app' })
  assert.match(again.body, /trash_missing/)
})

test('what the primary has in its trash no more can be purged from those that have it, and from nowhere else', async () => {
  await pushed('gone')
  const id = await deleted('gone')
  await rm(placeOf('one', id), { recursive: true })
  const other = await administer(join(hosts.folder, 'run-one'), 'DELETE', `trash/${id}`, { repository: 'team/app' })
  assert.match(other.body, /trash_missing/)
  const misplaced = await administer(join(hosts.folder, 'run-two'), 'DELETE', `trash/${id}`, { repository: 'gone' })
  assert.equal(misplaced.status, 421, misplaced.body)
  assert.deepEqual(await idsAt('two'), [id])
  const { isRemovedHere, elsewhere } = await purge('one', id, 'gone')
  assert.deepEqual([isRemovedHere, elsewhere], [false, { removedFrom: ['two'], left: [] }])
  assert.deepEqual(await idsAt('two'), [])
})

test('copies that a host has dropped go with it', async () => {
  await pushed('moved', ['one', 'two', 'three'])
  await hosts.place('moved.git', { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'] })
  await until('three to have dropped it', async () => (await idsAt('three')).length === 1)
  const [dropped] = await idsAt('three')
  assert.equal(readTrashNote(placeOf('three', dropped))?.isDropped, true)
  await until('three to have moved it', () => existsSync(placeOf('three', `${dropped}/repository`)))
  const id = await deleted('moved')
  assert.deepEqual((await purge('one', id, 'moved')).elsewhere, { removedFrom: ['three', 'two'], left: [] })
  assert.deepEqual([await idsAt('one'), await idsAt('two'), await idsAt('three')], [[], [], []])
})

test('a host that is away, or has something else under the id, is named, and the next purge reaches it', async () => {
  await pushed('secret')
  const id = await deleted('secret')
  // A copy of the folder is not what was moved there.
  const path = placeOf('two', `${id}/repository`)
  await cp(path, `${path}.copy`, { recursive: true })
  await rm(path, { recursive: true })
  renameSync(`${path}.copy`, path)
  const odd = (await purge('one', id, 'secret')).elsewhere
  assert.ok(typeof odd === 'object')
  assert.match(
    JSON.stringify(odd.left),
    /"two","why":"[^"]*two\/\.sluice-trash\.lock\/[^"]*is not the folder that was moved there/,
  )
  assert.ok(existsSync(path))
  await rm(placeOf('two', id), { recursive: true })

  await pushed('secret')
  const next = await deleted('secret')
  await hosts.stop('two')
  const { isRemovedHere, elsewhere } = await purge('one', next, 'secret')
  assert.deepEqual(
    [isRemovedHere, elsewhere],
    [true, { removedFrom: [], left: [{ host: 'two', why: 'It is not up.' }] }],
  )
  assert.deepEqual((await trashOf('one')).unasked, [{ host: 'two', why: 'It is not up.' }])
  await hosts.start('two')
  await until('one to know', async () => (await trashOf('one')).trash.length === 1)
  assert.deepEqual((await purge('one', next, 'secret')).elsewhere, { removedFrom: ['two'], left: [] })
  assert.deepEqual(await idsAt('two'), [])
})

test('a host that has the repository itself is named', async () => {
  await pushed('late', ['one', 'three'])
  const id = await deleted('late')
  await git(hosts.rootOf('two'), ['init', '--quiet', '--bare', 'late.git'])
  const { elsewhere } = await purge('one', id, 'late')
  assert.ok(typeof elsewhere === 'object')
  assert.deepEqual(elsewhere.removedFrom, ['three'])
  assert.match(JSON.stringify(elsewhere.left), /^\[\{"host":"two","why":"It has a repository of this name/)
  assert.ok(existsSync(join(hosts.rootOf('two'), 'late.git')))
})

test('only the primary of a repository has anything removed, in its term', async () => {
  await pushed('kept')
  const id = await deleted('kept')
  const { term } = await hosts.recordOf('kept')
  const told = { repository: 'kept', id, withDropped: true, term, primary: 'one' }
  const url = hosts.urlOf('two', '-/copies/purge')
  for (const [wrong, says] of [
    [{ primary: 'three' }, /three is not known here as the primary/],
    [{ term: term - 1 }, /Term \d+ of slot \d+ is over/],
    [{ repository: 'kept.git' }, /no plain name/],
    [{ repository: '../kept' }, /failed/],
    [{ id: '../..' }, /not what a primary of this version tells/],
  ] as const) {
    const reply = await fetch(url, { method: 'POST', body: `${JSON.stringify({ ...told, ...wrong })}\n` })
    assert.match(await reply.text(), says)
  }
  assert.ok((await idsAt('two')).includes(id))
})
