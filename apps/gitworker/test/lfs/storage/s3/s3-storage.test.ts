import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import pino from 'pino'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { startS3Server } from '@sluice/shared/testing/s3-server'
import type { S3Server } from '@sluice/shared/testing/s3-server'
import type { DirectTransfer, LfsPlace } from '../../../../src/lfs/storage/lfs-storage.ts'
import { S3Client } from '../../../../src/lfs/storage/s3/client/s3-client.ts'
import { S3Storage } from '../../../../src/lfs/storage/s3/s3-storage.ts'

const content = Buffer.from('the bytes of an object')
const oid = oidOf(content)
const pointer = { oid, size: content.length }
const later = Date.now() + 24 * 3600_000

function oidOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

type Opened = AsyncDisposable & {
  readonly server: S3Server
  readonly storage: S3Storage
  readonly folder: string
  place(name: string): Promise<LfsPlace>
}

async function open(): Promise<Opened> {
  await using opened = new AsyncDisposableStack()
  const server = opened.use(await startS3Server())
  const folder = opened.use(await temporaryFolder()).path
  const at = {
    endpoint: `http://127.0.0.1:${server.port}`,
    name: server.bucket,
    region: 'us-east-1',
    isPathStyle: true,
  }
  const client = opened.use(new S3Client(at, () => ({ id: 'S3RVER', secret: 'S3RVER' })))
  const storage = new S3Storage(client, 'all/', pino({ level: 'silent' }))
  const place = async (name: string) => {
    const gitDir = join(folder, `${name}.git`)
    await mkdir(gitDir)
    return { repository: name, gitDir }
  }
  const owned = opened.move()
  return { server, storage, folder, place, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** As a client does it. */
async function put({ href, header = {} }: DirectTransfer, body: Buffer): Promise<number> {
  return (await fetch(href, { method: 'PUT', body, headers: header })).status
}

async function store({ storage }: Opened, place: LfsPlace, bytes = content): Promise<string> {
  const stored = { oid: oidOf(bytes), size: bytes.length }
  assert.equal(await put(await storage.direct(place, stored, 'upload'), bytes), 200)
  return stored.oid
}

async function oidsIn({ storage }: Opened, place: LfsPlace): Promise<string[]> {
  return (await Array.fromAsync(storage.list(place))).map((object) => object.oid)
}

async function* among(...places: LfsPlace[]): AsyncGenerator<LfsPlace> {
  yield* places
}

describe('objects in S3', () => {
  test('go there and come back past this host', async () => {
    await using all = await open()
    const place = await all.place('app')
    assert.equal(await all.storage.sizeOf(place, oid), undefined)
    assert.deepEqual(await oidsIn(all, place), [])
    assert.deepEqual(all.server.requests, [], 'a repository without objects asks for nothing')
    await store(all, place)
    assert.equal(await all.storage.sizeOf(place, oid), content.length)
    assert.equal(await all.storage.freshen(place, oid), content.length)
    const { href } = await all.storage.direct(place, pointer, 'download')
    assert.equal(await (await fetch(href)).text(), content.toString())
    assert.deepEqual(await oidsIn(all, place), [oid])
  })

  test('are what their names say', async () => {
    await using all = await open()
    const place = await all.place('app')
    const upload = await all.storage.direct(place, pointer, 'upload')
    assert.equal(await put(upload, Buffer.alloc(content.length)), 400)
    assert.equal(await put({ href: upload.href }, content), 403)
    all.server.knowsChecksums = false
    assert.equal(await put(upload, Buffer.alloc(content.length + 1)), 403)
    all.server.knowsChecksums = true
    assert.equal(await all.storage.sizeOf(place, oid), undefined)
  })

  test('that are not what their names say count as missing, where S3 knows', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place)
    const wrong = oidOf(Buffer.from('another'))
    const [key] = await all.server.keys()
    const { href } = await all.storage.direct(place, { oid: wrong, size: content.length }, 'upload')
    // The right bytes for their checksum, at the wrong place: as an operator may put them.
    const { pathname } = new URL(href)
    await all.server.put(pathname.slice(`/${all.server.bucket}/`.length), content, key)
    assert.equal(await all.storage.sizeOf(place, wrong), undefined)
  })

  test('stay with the repository when it gets another name', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place)
    const moved = { repository: 'other', gitDir: join(all.folder, 'other.git') }
    await rename(place.gitDir, moved.gitDir)
    assert.equal(await all.storage.sizeOf(moved, oid), content.length)
  })

  test('belong to one repository, and go with it', async () => {
    await using all = await open()
    const [one, two] = [await all.place('one'), await all.place('two')]
    await store(all, one)
    assert.equal(await all.storage.sizeOf(two, oid), undefined)
    await store(all, two)
    await all.storage.discard(one, among(one, two))
    assert.deepEqual(await oidsIn(all, one), [])
    assert.deepEqual(await oidsIn(all, two), [oid])
    assert.equal((await all.server.keys()).length, 1)
  })

  test('are copied to a fork', async () => {
    await using all = await open()
    const [origin, fork] = [await all.place('origin'), await all.place('fork')]
    await all.storage.share(origin, fork)
    const oids = [
      await store(all, origin),
      await store(all, origin, Buffer.from('more')),
      await store(all, origin, Buffer.alloc(0)),
    ]
    await all.storage.share(origin, fork)
    assert.deepEqual(await oidsIn(all, fork), oids.toSorted())
    await all.storage.discard(origin, among(origin, fork))
    assert.equal(await all.storage.sizeOf(fork, oid), content.length)
  })

  test('of a folder that was copied are read by it, and not removed for it', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place)
    const copy = { repository: 'copy', gitDir: join(all.folder, 'copy.git') }
    await cp(place.gitDir, copy.gitDir, { recursive: true })
    assert.equal(await all.storage.sizeOf(copy, oid), content.length)
    await all.storage.discard(copy, among(place, copy))
    await all.storage.discard(place, among(place, copy))
    assert.equal(await all.storage.remove(copy, oid, later), false)
    assert.equal(await all.storage.sizeOf(place, oid), content.length)
  })

  test('are removed when nobody has asked for them since', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place)
    assert.equal(await all.storage.remove(place, oid, Date.now() - 60_000), false)
    assert.equal(await all.storage.remove(place, oidOf(Buffer.from('none')), later), false)
    assert.equal(await all.storage.remove(place, oid, later), true)
    assert.deepEqual(await all.server.keys(), [])
  })

  test('that are old count as new when somebody asks for them before a push', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place)
    const [key] = await all.server.keys()
    await all.server.age(key!, 30 * 24 * 3600_000)
    const weekAgo = Date.now() - 7 * 24 * 3600_000
    assert.ok((await Array.fromAsync(all.storage.list(place)))[0]!.usedAt < weekAgo)
    assert.equal(await all.storage.freshen(place, oid), content.length)
    assert.equal(await all.storage.freshen(place, oid), content.length)
    assert.equal(all.server.requests.filter((line) => line.startsWith('PUT') && line.includes('/used/')).length, 1)
    assert.ok((await Array.fromAsync(all.storage.list(place)))[0]!.usedAt > weekAgo)
    assert.equal(await all.storage.remove(place, oid, weekAgo), false)
    assert.equal(await all.storage.remove(place, oid, later), true)
    assert.deepEqual(await all.server.keys(), [])
  })

  test('that are found before a push are not removed after', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place)
    const hasBegun = once(all.server.arrivals, 'HEAD')
    const removed = all.storage.remove(place, oid, later)
    await hasBegun
    const looked = all.storage.freshen(place, oid)
    assert.deepEqual(await Promise.all([removed, looked]), [true, undefined])
  })
})

describe('an object that comes through this host', () => {
  test('is stored, and read in parts', async () => {
    await using all = await open()
    const place = await all.place('app')
    await using incoming = await all.storage.receive(place, oid, content.length)
    for (const at of [0, 5, 9]) incoming.sink.write(content.subarray(at, { 0: 5, 5: 9, 9: undefined }[at]))
    await incoming.store()
    await using stored = (await all.storage.open(place, oid))!
    assert.equal(stored.size, content.length)
    assert.deepEqual(await buffer(stored.stream({ start: 4, end: 8 })), content.subarray(4, 9))
    assert.deepEqual(await buffer((await all.storage.open(place, oid))!.stream()), content)
  })

  test('is not stored where it is another, also where S3 would take it', async () => {
    await using all = await open()
    const place = await all.place('app')
    all.server.knowsChecksums = false
    for (const wrong of [Buffer.alloc(content.length), content.subarray(1)]) {
      await using incoming = await all.storage.receive(place, oid, content.length)
      incoming.sink.write(wrong)
      await assert.rejects(incoming.store(), { reason: 'lfs_object_differs' })
    }
    await assert.rejects(all.storage.receive(place, oid, undefined), { reason: 'lfs_bad_request' })
    assert.deepEqual(await all.server.keys(), [])
    assert.deepEqual(await readdir(place.gitDir), [], 'the repository is as it was')
  })

  test('leaves nothing where it is cut off', async () => {
    await using all = await open()
    const place = await all.place('app')
    {
      await using incoming = await all.storage.receive(place, oid, content.length)
      incoming.sink.write(content.subarray(0, 10))
    }
    assert.deepEqual(await all.server.keys(), [])
  })

  test('leaves the repository its place where another has come meanwhile', async () => {
    await using all = await open()
    const place = await all.place('app')
    const other = Buffer.from('another')
    {
      await using cut = await all.storage.receive(place, oid, content.length)
      cut.sink.write(content.subarray(1))
      await using whole = await all.storage.receive(place, oidOf(other), other.length)
      whole.sink.write(other)
      await whole.store()
    }
    assert.equal(await all.storage.sizeOf(place, oidOf(other)), other.length)
    {
      await using cut = await all.storage.receive(place, oid, content.length)
      cut.sink.write(content.subarray(1))
    }
    assert.deepEqual(await oidsIn(all, place), [oidOf(other)])
  })

  test('larger than any buffer goes through', async () => {
    await using all = await open()
    const place = await all.place('app')
    const large = Buffer.alloc(3 * 1024 * 1024, 'abcdefg')
    await using incoming = await all.storage.receive(place, oidOf(large), large.length)
    await pipeline(Readable.from([large.subarray(0, 1_000_000), large.subarray(1_000_000)]), incoming.sink, {
      end: false,
    })
    await incoming.store()
    assert.equal(await all.storage.sizeOf(place, oidOf(large)), large.length)
  })

  test('that S3 refuses in the middle does not hang', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place, Buffer.from('another'))
    const size = 64 * 1024 * 1024
    await using incoming = await all.storage.receive(place, oid, size)
    all.server.failWith = 500
    const pieces = Array.from({ length: 64 }, () => Buffer.alloc(1024 * 1024))
    await assert.rejects(
      pipeline(Readable.from(pieces), incoming.sink, { end: false }).then(() => incoming.store()),
      {
        reason: 'lfs_storage_failed',
      },
    )
  })

  test('that S3 does not take is a failure in words', async () => {
    await using all = await open()
    const place = await all.place('app')
    await store(all, place, Buffer.from('another'))
    await using incoming = await all.storage.receive(place, oid, content.length)
    all.server.failWith = 500
    incoming.sink.write(content)
    await assert.rejects(incoming.store(), { reason: 'lfs_storage_failed' })
  })
})

test('a repository has one home in the bucket, also for several who begin at once', async () => {
  await using all = await open()
  const place = await all.place('app')
  const given = await Promise.all(Array.from({ length: 10 }, () => all.storage.direct(place, pointer, 'upload')))
  const { home } = JSON.parse(await readFile(join(place.gitDir, 'lfs', 's3.json'), 'utf8')) as { home: string }
  for (const { href } of given) assert.equal(new URL(href).pathname, `/lfs/all/${home}/objects/${oid}`)
})
