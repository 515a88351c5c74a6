import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lfsMediaType } from '@sluice/shared/lfs/media-type'
import { until } from '@sluice/shared/testing/until'
import { pathOf } from '../../src/lfs/storage/disk/object-paths.ts'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'

/** Objects and locks of LFS on two hosts that have disks of their own. */

const both = { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'] } as const
let hosts: HostsInProcess

before(async () => {
  hosts = await openHostsInProcess()
  await hosts.start('one')
  await hosts.start('two')
})

after(() => hosts[Symbol.asyncDispose]())

const oidOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

const objectAt = (host: string, repository: string, oid: string) => pathOf(join(hosts.rootOf(host), repository), oid)

async function ask(host: string, repository: string, method: string, below: string, body?: Buffer | object) {
  const headers = { 'Accept': lfsMediaType, 'Content-Type': lfsMediaType, 'Sluice-User': 'ann' }
  const sent = body instanceof Buffer ? new Uint8Array(body) : JSON.stringify(body)
  const url = `${hosts.urlOf(host, repository)}/info/lfs/${below}`
  const reply = await fetch(url, { method, headers, ...(body && { body: sent }) })
  return { status: reply.status, bytes: Buffer.from(await reply.arrayBuffer()) }
}

async function upload(repository: string, bytes: Buffer): Promise<string> {
  const oid = oidOf(bytes)
  const { status, bytes: said } = await ask('one', repository, 'PUT', `objects/${oid}`, bytes)
  assert.equal(status, 200, said.toString())
  return oid
}

async function locksAt(host: string, repository: string): Promise<string[]> {
  // A copy has no read lease at first, and none for a moment on a busy machine. What it answers then is what counts.
  const bytes = await until('an answer', async () => {
    const answer = await ask(host, repository, 'GET', 'locks')
    assert.ok(answer.status === 200 || answer.status === 503, answer.bytes.toString())
    return answer.status === 200 && answer.bytes
  })
  return (JSON.parse(bytes.toString()) as { locks: { path: string }[] }).locks.map(({ path }) => path)
}

test('an upload is at the copy when it is acknowledged, also the one that creates the repository', async () => {
  await hosts.place('new.git', both)
  const bytes = randomBytes(3_000_000)
  const oid = await upload('new.git', bytes)
  assert.deepEqual(await readFile(objectAt('two', 'new.git', oid)), bytes)
  const many = await Promise.all(Array.from({ length: 8 }, () => upload('new.git', randomBytes(100_000))))
  for (const one of many) assert.ok(existsSync(objectAt('two', 'new.git', one)))
  const empty = await upload('new.git', Buffer.alloc(0))
  assert.ok(existsSync(objectAt('two', 'new.git', empty)))
  assert.equal(existsSync(join(hosts.rootOf('two'), 'new.git/lfs/incoming')), false)
  assert.deepEqual(await hosts.inSyncOf('new.git'), ['one', 'two'])
  await until('the copy to have a read lease', async () => {
    const { status, bytes: read } = await ask('two', 'new.git', 'GET', `objects/${oid}`)
    return status === 200 && read.equals(bytes)
  })
})

test('an object that is not known to be at the copies is brought there before a batch says that it is stored', async () => {
  await hosts.place('retried.git', both)
  const bytes = randomBytes(50_000)
  const oid = await upload('retried.git', bytes)
  await rm(objectAt('two', 'retried.git', oid))
  const batch = { operation: 'upload', objects: [{ oid, size: bytes.length }] }
  const { status, bytes: said } = await ask('one', 'retried.git', 'POST', 'objects/batch?operation=upload', batch)
  assert.equal(status, 200, said.toString())
  assert.ok(!said.includes('actions'))
  assert.deepEqual(await readFile(objectAt('two', 'retried.git', oid)), bytes)
})

test('a copy that cannot take an object is out of sync before the upload is acknowledged', async () => {
  await hosts.place('failing.git', both)
  await upload('failing.git', randomBytes(10))
  const folder = join(hosts.rootOf('two'), 'failing.git/lfs/incoming')
  await writeFile(folder, 'not a folder')
  await upload('failing.git', randomBytes(20))
  assert.deepEqual(await hosts.inSyncOf('failing.git'), ['one'])
  await rm(folder)
  await until('the copy to be in sync again', async () => (await hosts.inSyncOf('failing.git')).includes('two'))
})

test('a copy that catches up has all objects and locks before it is taken in', async () => {
  await hosts.place('late.git', { primary: 'one', copies: ['one'], inSync: ['one'] })
  const objects = await Promise.all(Array.from({ length: 30 }, () => upload('late.git', randomBytes(500))))
  assert.equal((await ask('one', 'late.git', 'POST', 'locks', { path: 'a.psd' })).status, 201)
  const { term } = await hosts.recordOf('late.git')
  await hosts.place('late.git', { primary: 'one', copies: ['one', 'two'], inSync: ['one'], term })
  await until('the copy to be in sync', async () => (await hosts.inSyncOf('late.git')).includes('two'))
  for (const oid of objects) assert.ok(existsSync(objectAt('two', 'late.git', oid)))
  assert.deepEqual(await readdir(join(hosts.rootOf('two'), 'late.git/lfs')), ['locks.json', 'objects'])
  // One that is there already, and has lost an object and got one of its own.
  await hosts.place('late.git', { primary: 'one', copies: ['one'], inSync: ['one'], term })
  const more = await upload('late.git', randomBytes(500))
  // The host may be about to move all of it to its trash.
  await rm(objectAt('two', 'late.git', objects[0]!), { force: true })
  await hosts.place('late.git', { primary: 'one', copies: ['one', 'two'], inSync: ['one'], term })
  await until('the copy to be in sync', async () => (await hosts.inSyncOf('late.git')).includes('two'))
  for (const oid of [more, ...objects]) assert.ok(existsSync(objectAt('two', 'late.git', oid)))
})

test('a lock is at the copy when it is answered, and gone there when it is unlocked', async () => {
  await hosts.place('locked.git', both)
  await upload('locked.git', randomBytes(10))
  const fileAt = (host: string) => readFile(join(hosts.rootOf(host), 'locked.git/lfs/locks.json'), 'utf8')
  for (const path of ['a.psd', 'ü/b.psd']) {
    assert.equal((await ask('one', 'locked.git', 'POST', 'locks', { path })).status, 201)
    assert.equal(await fileAt('two'), await fileAt('one'))
  }
  assert.deepEqual(await locksAt('two', 'locked.git'), ['ü/b.psd', 'a.psd'])
  assert.equal((await ask('one', 'locked.git', 'POST', 'locks', { path: 'a.psd' })).status, 409)
  assert.equal((await ask('one', 'locked.git', 'POST', 'locks/1/unlock', {})).status, 200)
  assert.deepEqual(await locksAt('two', 'locked.git'), ['ü/b.psd'])
  await rm(join(hosts.rootOf('one'), 'locked.git/lfs/locks.json'))
  assert.equal((await ask('one', 'locked.git', 'POST', 'locks', { path: 'c.psd' })).status, 201)
  assert.deepEqual(await locksAt('two', 'locked.git'), ['c.psd'])
  assert.deepEqual(await hosts.inSyncOf('locked.git'), ['one', 'two'])
})
