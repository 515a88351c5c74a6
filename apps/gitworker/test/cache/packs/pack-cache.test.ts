import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import type { Start } from '../../../src/cache/packs/single-flight.ts'
import { PackCache } from '../../../src/cache/packs/pack-cache.ts'
import type { PackCacheOptions } from '../../../src/cache/packs/pack-cache-options.ts'
import { FakeClient, FakeProducer, hashOf, openFiles } from '../../support/pack-producer.ts'

const mebi = 2 ** 20
const patient = new AbortController().signal
const same = () => 1

/** A cache in a folder of its own, and the producers that it has started. */
async function openCache(options: Partial<PackCacheOptions> = {}) {
  const temporary = await temporaryFolder()
  const folder = join(temporary.path, 'packs')
  const problems: string[] = []
  const cache = await PackCache.open({
    folder,
    budgetBytes: 2 ** 30,
    onProblem: (message) => problems.push(message),
    ...options,
  })
  const started: FakeProducer[] = []
  const repository: { state: number | undefined } = { state: 1 }
  const start = (total: number, upTo = total): Start => {
    return async () => {
      started.push(new FakeProducer(total, upTo, repository.state))
      return started.at(-1)!
    }
  }
  /** A client that reads this many bytes, or begins to if the producer stops before that. */
  const read = async (key: string, total = mebi, { upTo = total, client = new FakeClient() } = {}) => {
    const reader = await cache.read(key, () => repository.state, start(total, upTo), patient)
    const copied = reader.copyTo(client, () => {}).then(() => client.whole())
    copied.catch(() => {})
    return { reader, client, copied }
  }
  const readWhole = async (key: string, total = mebi) => {
    const { client, copied } = await read(key, total)
    await copied
    assert.equal(client.sha1, hashOf(total))
  }
  const counts = () => {
    const { hits, misses, spools, bytes, readers } = cache
    return { hits, misses, spools, bytes, readers }
  }
  return {
    cache,
    folder,
    problems,
    started,
    repository,
    read,
    readWhole,
    counts,
    async [Symbol.asyncDispose]() {
      await cache[Symbol.asyncDispose]()
      assert.deepEqual(openFiles(folder), [])
      assert.deepEqual({ ...counts(), hits: 0, misses: 0 }, { hits: 0, misses: 0, spools: 0, bytes: 0, readers: 0 })
      await temporary[Symbol.asyncDispose]()
    },
  }
}

test('a pack that one client asks for touches no disk, and leaves nothing', async () => {
  await using host = await openCache()
  // Without its folder, any use of the disk would fail.
  rmSync(host.folder, { recursive: true })
  await host.readWhole('short', 1000)
  await host.readWhole('long', 9 * mebi)
  assert.deepEqual(host.counts(), { hits: 0, misses: 2, spools: 0, bytes: 0, readers: 0 })
  assert.deepEqual(host.problems, [])
})

test('a second client joins the first if all that the first has got is in memory', async () => {
  await using host = await openCache()
  const first = await host.read('pack', 8 * mebi, { upTo: mebi })
  await until('the first to get a part', () => first.client.bytes === mebi)
  const second = await host.read('pack')
  assert.equal(host.cache.readers, 2)
  host.started[0]!.goOn()
  await Promise.all([first.copied, second.copied])
  assert.deepEqual([first.client.sha1, second.client.sha1], [hashOf(8 * mebi), hashOf(8 * mebi)])
  assert.deepEqual(host.counts(), { hits: 1, misses: 1, spools: 1, bytes: 8 * mebi, readers: 0 })
})

test('a client that comes too late to join gets a producer of its own, which later clients join', async () => {
  await using host = await openCache()
  const first = await host.read('pack', 8 * mebi, { upTo: 5 * mebi })
  await until('the first to get too much', () => first.client.bytes === 5 * mebi)
  const second = await host.read('pack', 8 * mebi, { upTo: 6 * mebi })
  await until('the second to get it from the disk', () => second.client.bytes === 6 * mebi)
  const third = await host.read('pack')
  assert.deepEqual(host.counts(), { hits: 1, misses: 2, spools: 1, bytes: 6 * mebi, readers: 3 })
  for (const producer of host.started) producer.goOn()
  await Promise.all([first.copied, second.copied, third.copied])
  for (const { client } of [first, second, third]) assert.equal(client.sha1, hashOf(8 * mebi))
  await host.readWhole('pack', 8 * mebi)
  assert.equal(host.started.length, 2)
})

test('a pack that is asked for again is kept, and the third client needs no producer', async () => {
  await using host = await openCache()
  await host.readWhole('pack')
  await host.readWhole('another')
  await host.readWhole('pack')
  assert.deepEqual(host.counts(), { hits: 0, misses: 3, spools: 1, bytes: mebi, readers: 0 })
  await host.readWhole('pack')
  assert.deepEqual(host.counts(), { hits: 1, misses: 3, spools: 1, bytes: mebi, readers: 0 })
})

test('a request for a pack is forgotten after five minutes', async (t) => {
  await using host = await openCache()
  const now = performance.now.bind(performance)
  let later = 0
  t.mock.method(performance, 'now', () => now() + later)
  await host.readWhole('pack')
  later = 5 * 60_000 + 1
  await host.readWhole('pack')
  assert.equal(host.cache.spools, 0)
  await host.readWhole('pack')
  assert.equal(host.cache.spools, 1)
})

test('a spool has no name, and only its owner may open it', async () => {
  await using host = await openCache()
  await host.readWhole('pack')
  await host.readWhole('pack')
  const [file] = openFiles(host.folder)
  assert.match(file!, /\(deleted\)$/)
  assert.equal(statSync(file!.split(' ')[0]!).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(host.folder), [])
})

test('files that an earlier cache has left are removed, and nothing else', async () => {
  await using temporary = await temporaryFolder()
  const folder = join(temporary.path, 'new', 'packs')
  mkdirSync(join(folder, 'sluice-pack-folder'), { recursive: true })
  writeFileSync(join(folder, 'sluice-pack-0b1ab1f6'), 'left')
  writeFileSync(join(folder, 'HEAD'), 'somebody’s')
  await using _ = await PackCache.open({ folder, budgetBytes: mebi, onProblem: () => {} })
  assert.deepEqual(readdirSync(folder), ['HEAD', 'sluice-pack-folder'])
})

test('a failed pack is not joined again', async () => {
  await using host = await openCache()
  const first = await host.read('pack', 2 * mebi, { upTo: mebi })
  const second = await host.read('pack')
  await until('a part to arrive', () => second.client.bytes === mebi)
  host.started[0]!.fail(new Error('git was killed'))
  await assert.rejects(first.copied, /git was killed/)
  await assert.rejects(second.copied, /git was killed/)
  await host.readWhole('pack', 2 * mebi)
  assert.equal(host.started.length, 2)
})

test('the last reader to leave stops the producer, and the next request starts another', async () => {
  await using host = await openCache()
  const first = await host.read('pack', 2 * mebi, { upTo: mebi })
  const second = await host.read('pack')
  first.reader[Symbol.dispose]()
  assert.equal(host.started[0]!.stops, 0)
  second.reader[Symbol.dispose]()
  assert.equal(host.started[0]!.stops, 1)
  await host.readWhole('pack', 2 * mebi)
  assert.equal(host.started.length, 2)
})

test('a spool lives for a fixed time after it is whole, however often it is read', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await using host = await openCache({ lifeMs: 1000 })
  await host.readWhole('pack')
  await host.readWhole('pack')
  t.mock.timers.tick(600)
  await host.readWhole('pack')
  const slow = await host.read('pack', mebi, { client: new FakeClient({ mayTake: false }) })
  t.mock.timers.tick(399)
  await host.readWhole('pack')
  assert.equal(host.started.length, 2)
  t.mock.timers.tick(1)
  await host.readWhole('pack')
  assert.equal(host.started.length, 3)
  slow.client.take()
  await slow.copied
  assert.equal(slow.client.sha1, hashOf(mebi))
  t.mock.timers.tick(1000)
  assert.deepEqual([host.cache.spools, host.cache.bytes], [0, 0])
})

test('a pack is shared only while the repository is in the state from which it was made', async () => {
  await using host = await openCache()
  await host.readWhole('pack')
  await host.readWhole('pack')
  const slow = await host.read('pack', mebi, { client: new FakeClient({ mayTake: false }) })
  host.repository.state = 2
  await host.readWhole('pack')
  assert.equal(host.started.length, 3)
  assert.equal(host.cache.spools, 2, 'who reads the old one goes on')
  slow.client.take()
  await slow.copied
  assert.equal(slow.client.sha1, hashOf(mebi))
  assert.equal(host.cache.spools, 1)
  await host.readWhole('pack')
  assert.equal(host.started.length, 3)
})

test('a client that comes while a pack of another state is made does not join it', async () => {
  await using host = await openCache()
  const first = await host.read('pack', 2 * mebi, { upTo: mebi })
  host.repository.state = 2
  const second = await host.read('pack', 2 * mebi, { upTo: mebi })
  const third = await host.read('pack')
  assert.equal(host.started.length, 2)
  for (const producer of host.started) producer.goOn()
  await Promise.all([first.copied, second.copied, third.copied])
})

test('a pack of an unknown state is shared only by those who waited for its start', async () => {
  await using host = await openCache()
  host.repository.state = undefined
  const { promise, resolve } = Promise.withResolvers<FakeProducer>()
  const readers = [1, 2].map(() =>
    host.cache.read(
      'pack',
      () => undefined,
      () => promise,
      patient,
    ),
  )
  resolve(new FakeProducer(mebi))
  const clients = [new FakeClient(), new FakeClient()]
  const together = (await Promise.all(readers)).map((reader, n) => reader.copyTo(clients[n]!, () => {}))
  await host.readWhole('pack')
  await Promise.all(together)
  for (const client of clients) {
    await client.whole()
    assert.equal(client.sha1, hashOf(mebi))
  }
  await host.readWhole('pack')
  assert.equal(host.started.length, 2)
  assert.deepEqual([host.cache.spools, host.cache.bytes], [0, 0])
})

test('all packs of a state can be dropped', async () => {
  await using host = await openCache()
  for (const key of ['a', 'a', 'b', 'b']) await host.readWhole(key)
  host.repository.state = 2
  for (const key of ['c', 'c']) await host.readWhole(key)
  const slow = await host.read('c', mebi, { client: new FakeClient({ mayTake: false }) })
  host.cache.forget(1)
  assert.equal(host.cache.spools, 1)
  host.cache.forget(2)
  assert.equal(host.cache.spools, 1)
  slow.client.take()
  await slow.copied
  assert.deepEqual([host.cache.spools, host.cache.bytes], [0, 0])
})

test('the spool that was used least recently makes room for a new one; one that is being read stays', async () => {
  await using host = await openCache({ budgetBytes: 3.5 * mebi })
  for (const key of ['read', 'older', 'newer', 'read', 'newer', 'older']) await host.readWhole(key)
  await host.readWhole('newer')
  const slow = await host.read('read', mebi, { client: new FakeClient({ mayTake: false }) })
  assert.equal(host.cache.bytes, 3 * mebi)
  await host.readWhole('new')
  await host.readWhole('new')
  assert.equal(host.cache.bytes, 3 * mebi)
  const before = host.started.length
  await host.readWhole('newer')
  await host.readWhole('read')
  assert.equal(host.started.length, before)
  await host.readWhole('older')
  assert.equal(host.started.length, before + 1)
  slow.client.take()
  await slow.copied
  assert.equal(slow.client.sha1, hashOf(mebi))
  assert.deepEqual(host.problems, [])
})

test('no more spools are open than a fixed number', async () => {
  await using host = await openCache()
  for (let index = 0; index < 260; index++) {
    await host.readWhole(`pack ${index}`, 10)
    await host.readWhole(`pack ${index}`, 10)
  }
  assert.equal(host.cache.spools, 256)
  await until('the others to be closed', () => openFiles(host.folder).length === 256)
  assert.deepEqual(host.problems, [])
})

test('after a problem with the disk, nothing is written there for a minute, and one line says so', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await using host = await openCache({ budgetBytes: 2 * mebi })
  await host.readWhole('pack', 3 * mebi)
  await host.readWhole('pack', 3 * mebi)
  assert.deepEqual(host.problems, ['Packs are not cached for 60 s: The budget of 2097152 bytes is used up.'])
  const first = await host.read('pack', 3 * mebi)
  const second = await host.read('pack', 3 * mebi)
  assert.equal(host.started.length, 4)
  await Promise.all([first.copied, second.copied])
  t.mock.timers.tick(59_999)
  await host.readWhole('pack', 3 * mebi)
  assert.equal(host.problems.length, 1)
  t.mock.timers.tick(1)
  await host.readWhole('pack', 3 * mebi)
  assert.equal(host.problems.length, 2)
})

test('without the disk, what is already spooled can still be read', async () => {
  await using host = await openCache({ budgetBytes: 3 * mebi })
  await host.readWhole('small')
  await host.readWhole('small')
  const slow = await host.read('small', mebi, { client: new FakeClient({ mayTake: false }) })
  await host.readWhole('large', 4 * mebi)
  await host.readWhole('large', 4 * mebi)
  assert.equal(host.problems.length, 1)
  const before = host.started.length
  await host.readWhole('small')
  assert.equal(host.started.length, before)
  slow.client.take()
  await slow.copied
})

test('without the disk, nobody waits for another’s producer to be started', async () => {
  await using host = await openCache({ budgetBytes: 0 })
  await host.readWhole('pack')
  await host.readWhole('pack')
  const waiting = host.cache.read('pack', same, () => new Promise(() => {}), patient)
  waiting.catch(() => {})
  await host.readWhole('pack')
})

/** Takes so much of the budget that no pack can make room: a client has yet to read it. */
async function useUp(host: Awaited<ReturnType<typeof openCache>>, bytes: number) {
  await host.readWhole('in use', bytes)
  await host.readWhole('in use', bytes)
  const slow = await host.read('in use', bytes, { client: new FakeClient({ mayTake: false }) })
  assert.equal(host.cache.bytes, bytes)
  return slow
}

/** A client that has taken this much of a pack, and takes nothing more. */
async function beginAndStop(host: Awaited<ReturnType<typeof openCache>>, bytes: number) {
  const first = await host.read('pack', 8 * mebi, { upTo: bytes })
  await until('it to get a part', () => first.client.bytes === bytes)
  first.client.holdAgain()
  host.started.at(-1)!.goOn()
  await until('it to be held back', () => first.client.writableNeedDrain)
  return first
}

const noRoom = [
  { why: 'the budget is used up', budgetBytes: 4 * mebi, used: 4 * mebi, taken: mebi },
  { why: 'nearly all of the budget is used up', budgetBytes: 4 * mebi, used: 3 * mebi, taken: mebi / 2 },
  { why: 'what comes before the first write is more than the budget', budgetBytes: mebi, used: 0, taken: mebi / 4 },
  { why: 'what is in memory is more than the budget', budgetBytes: 2 * mebi, used: 0, taken: 2 * mebi },
]

for (const { why, budgetBytes, used, taken } of noRoom) {
  test(`a second client does not wait for the first, which takes nothing more, if ${why}`, async () => {
    await using host = await openCache({ budgetBytes })
    if (used > 0) await useUp(host, used)
    const first = await beginAndStop(host, taken)
    const before = host.started.length
    const second = await host.read('pack', 8 * mebi)
    await second.copied
    assert.equal(second.client.sha1, hashOf(8 * mebi))
    assert.equal(host.started.length, before + 1)
    first.client.take()
    await first.copied
    assert.equal(first.client.sha1, hashOf(8 * mebi))
  })
}

test('a second client joins if a pack that nobody reads can make room', async () => {
  await using host = await openCache({ budgetBytes: 12 * mebi })
  await host.readWhole('idle', 11 * mebi)
  await host.readWhole('idle', 11 * mebi)
  const first = await beginAndStop(host, mebi)
  const second = await host.read('pack', 8 * mebi)
  await second.copied
  assert.deepEqual([host.started.length, host.cache.bytes, host.problems], [3, 8 * mebi, []])
  first.client.take()
  await first.copied
})

test('no pack makes room for one that nobody shares', async () => {
  await using host = await openCache({ budgetBytes: 4 * mebi })
  await host.readWhole('idle', 4 * mebi)
  await host.readWhole('idle', 4 * mebi)
  await host.readWhole('pack', 8 * mebi)
  assert.equal(host.cache.bytes, 4 * mebi)
})

test('a client joins no pack on disk whose rest has no room', async () => {
  await using host = await openCache({ budgetBytes: 4 * mebi })
  const first = await host.read('pack', 8 * mebi, { upTo: 2 * mebi })
  const second = await host.read('pack', 8 * mebi, { client: new FakeClient({ mayTake: false }) })
  host.started[0]!.goOn(3.5 * mebi)
  await until('much to be on disk', () => host.cache.bytes === 3.5 * mebi)
  await host.readWhole('pack', 8 * mebi)
  second.client.take()
  host.started[0]!.goOn()
  await Promise.all([first.copied, second.copied])
  assert.deepEqual([first.client.sha1, second.client.sha1], [hashOf(8 * mebi), hashOf(8 * mebi)])
})

/** Two clients that share a pack of 8 MiB, of which 7 are on disk so far. */
async function shareOnDisk(host: Awaited<ReturnType<typeof openCache>>) {
  const first = await host.read('pack', 8 * mebi, { upTo: mebi })
  await until('the first to get a part', () => first.client.bytes === mebi)
  const second = await host.read('pack')
  host.started[0]!.goOn(7 * mebi)
  await until('much to be on disk', () => host.cache.bytes === 7 * mebi)
  return [first, second] as const
}

for (const others of [1, 2]) {
  test(`producers of their own, where ${others} have no room to join, take neither the room nor the place of the other`, async () => {
    await using host = await openCache({ budgetBytes: 8.5 * mebi })
    const [first, second] = await shareOnDisk(host)
    await Promise.all(Array.from({ length: others }, () => host.readWhole('pack', 8 * mebi)))
    assert.equal(host.cache.bytes, 7 * mebi)
    host.started[0]!.goOn()
    await Promise.all([first.copied, second.copied])
    await host.readWhole('pack', 8 * mebi)
    assert.deepEqual([host.started.length, host.cache.spools, host.problems], [1 + others, 1, []])
  })
}

test('a client joins a pack on disk as long as there is room for what comes next', async () => {
  await using host = await openCache({ budgetBytes: 12 * mebi })
  const [first, second] = await shareOnDisk(host)
  const third = await host.read('pack')
  host.started[0]!.goOn()
  await Promise.all([first.copied, second.copied, third.copied])
  assert.deepEqual([host.started.length, host.problems], [1, []])
})

test('a client joins a pack on disk, however many other packs there are', async () => {
  await using host = await openCache()
  const held = []
  for (let n = 0; n < 255; n++) {
    for (let times = 0; times < 2; times++) await host.readWhole(`p${n}`, 200_000)
    held.push(await host.read(`p${n}`, 200_000, { client: new FakeClient({ mayTake: false }) }))
  }
  const first = await host.read('pack', 8 * mebi, { upTo: mebi })
  await until('the first to get a part', () => first.client.bytes === mebi)
  const second = await host.read('pack')
  await until('it to be on disk', () => host.cache.spools === 256)
  const before = host.started.length
  const third = await host.read('pack', 8 * mebi)
  host.started.at(-1)!.goOn()
  await Promise.all([first.copied, second.copied, third.copied])
  assert.equal(host.started.length, before)
  for (const { client } of held) client.take()
  await Promise.all(held.map(({ copied }) => copied))
})

test('a pack that is asked for again does not go to a disk that has no room, and sharing goes on', async () => {
  await using host = await openCache({ budgetBytes: 4 * mebi })
  await host.readWhole('pack')
  const slow = await useUp(host, 4 * mebi)
  await host.readWhole('pack')
  assert.deepEqual(host.problems, [])
  slow.client.take()
  await slow.copied
})

test('a producer that nobody else waits for is let go if the cache was closed before its start', async () => {
  const producer = new FakeProducer(mebi, mebi, 1)
  const started = Promise.withResolvers<FakeProducer>()
  let waiting: Promise<unknown>
  {
    await using host = await openCache({ budgetBytes: 0 })
    waiting = host.cache.read('pack', same, () => started.promise, patient)
    waiting.catch(() => {})
  }
  await assert.rejects(waiting, /was closed/)
  started.resolve(producer)
  await until('it to be let go', () => producer.stops === 1)
})

test('without room, nobody waits for another’s producer to be started', async () => {
  await using host = await openCache({ budgetBytes: 4 * mebi })
  await useUp(host, 4 * mebi)
  const waiting = host.cache.read('pack', same, () => new Promise(() => {}), patient)
  waiting.catch(() => {})
  await host.readWhole('pack')
  assert.deepEqual(host.problems, [])
})

test('a wait that is over leaves no listener at its signal', async () => {
  await using host = await openCache()
  const { signal } = new AbortController()
  using _ = await host.cache.read('pack', same, async () => new FakeProducer(1000), signal)
  await assert.rejects(host.cache.read('other', same, () => Promise.reject(new Error('no')), signal))
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('all who wait when a producer is started share it', async () => {
  await using host = await openCache()
  const { promise, resolve } = Promise.withResolvers<FakeProducer>()
  const unused = () => Promise.reject(new Error('It is started already.'))
  const readers = [
    host.cache.read('pack', same, () => promise, patient),
    host.cache.read('pack', same, unused, patient),
  ]
  resolve(new FakeProducer(6 * mebi, 6 * mebi, same()))
  for (const reader of await Promise.all(readers)) {
    const client = new FakeClient()
    await reader.copyTo(client, () => {})
    await client.whole()
    assert.equal(client.sha1, hashOf(6 * mebi))
  }
  assert.deepEqual(host.counts(), { hits: 1, misses: 1, spools: 1, bytes: 6 * mebi, readers: 0 })
})

test('the first who waits may leave without costing the others their place', async () => {
  await using host = await openCache()
  const { promise, resolve } = Promise.withResolvers<FakeProducer>()
  const leaving = new AbortController()
  let isWanted: AbortSignal | undefined
  const first = host.cache.read('pack', same, (signal) => ((isWanted = signal), promise), leaving.signal)
  const second = host.cache.read('pack', same, () => Promise.reject(new Error('It is started already.')), patient)
  leaving.abort(new Error('gone'))
  await assert.rejects(first, /gone/)
  assert.equal(isWanted?.aborted, false)
  const producer = new FakeProducer(1000)
  resolve(producer)
  using reader = await second
  await reader.copyTo(new FakeClient(), () => {})
  assert.equal(producer.stops, 0)
})

test('if all who wait have left, the start is aborted, and a producer that it starts nevertheless is stopped', async () => {
  await using host = await openCache()
  const { promise, resolve } = Promise.withResolvers<FakeProducer>()
  const leaving = new AbortController()
  let isWanted: AbortSignal | undefined
  const first = host.cache.read('pack', same, (signal) => ((isWanted = signal), promise), leaving.signal)
  leaving.abort(new Error('gone'))
  await assert.rejects(first, /gone/)
  assert.equal(isWanted?.aborted, true)
  // A client that comes now neither waits for that producer nor gets it.
  const later = Promise.withResolvers<FakeProducer>()
  const second = host.cache.read('pack', same, (signal) => ((isWanted = signal), later.promise), patient)
  assert.equal(isWanted.aborted, false)
  const producer = new FakeProducer(1000)
  resolve(producer)
  await until('it to be stopped', () => producer.stops === 1)
  const third = host.cache.read('pack', same, () => Promise.reject(new Error('It is started already.')), patient)
  later.resolve(new FakeProducer(1000))
  using _ = await second
  using __ = await third
  assert.equal(host.cache.misses, 1)
  await assert.rejects(
    host.cache.read('pack', same, () => promise, leaving.signal),
    /gone/,
  )
})

test('a start that is refused is refused only to the client who gave it', async () => {
  await using host = await openCache()
  const refusal = Promise.withResolvers<FakeProducer>()
  const first = host.cache.read('pack', same, () => refusal.promise, patient)
  const second = host.read('pack')
  const third = host.read('pack')
  refusal.reject(new Error('queue_full'))
  await assert.rejects(first, /queue_full/)
  await Promise.all([(await second).copied, (await third).copied])
  assert.deepEqual([host.started.length, host.cache.hits, host.cache.misses], [1, 1, 1])
})

test('a start that is refused after its client has left is refused to nobody', async () => {
  await using host = await openCache()
  const refusal = Promise.withResolvers<FakeProducer>()
  const leaving = new AbortController()
  const first = host.cache.read('pack', same, () => refusal.promise, leaving.signal)
  const second = host.read('pack')
  leaving.abort(new Error('gone'))
  await assert.rejects(first, /gone/)
  refusal.reject(new Error('queue_full'))
  await (
    await second
  ).copied
})

test('a cache that is closed ends everything that waits, runs or is kept', async () => {
  const descriptors = readdirSync('/proc/self/fd').length
  await using host = await openCache()
  await host.readWhole('kept')
  await host.readWhole('kept')
  const kept = await host.read('kept', mebi, { client: new FakeClient({ mayTake: false }) })
  const direct = await host.read('direct', 2 * mebi, { upTo: mebi })
  const spooled = [await host.read('spooled', 2 * mebi, { upTo: mebi }), await host.read('spooled')]
  let isWanted: AbortSignal | undefined
  const waiting = host.cache.read('waiting', same, (signal) => ((isWanted = signal), new Promise(() => {})), patient)
  waiting.catch(() => {})
  await until('all to have begun', () => [direct, ...spooled].every(({ client }) => client.bytes === mebi))
  await host.cache[Symbol.asyncDispose]()
  for (const { copied } of [kept, direct, ...spooled]) await assert.rejects(copied, /was closed/)
  await assert.rejects(waiting, /was closed/)
  assert.equal(isWanted?.aborted, true)
  assert.deepEqual(
    host.started.map(({ stops }) => stops),
    [0, 0, 1, 1],
  )
  await assert.rejects(host.read('kept'), /was closed/)
  assert.equal(readdirSync('/proc/self/fd').length, descriptors)
})

test('git runs ahead of slow readers, for packs of one client and for shared ones, even if shared packs have no room', async () => {
  await using host = await openCache({ budgetBytes: 2 * mebi, aheadBytes: 64 * mebi })
  await host.readWhole('pack', 3 * mebi)
  await host.readWhole('pack', 3 * mebi)
  assert.equal(host.problems.length, 1)
  const shared = await host.read('another', 8 * mebi, { client: new FakeClient({ mayTake: false }) })
  const producer = new FakeProducer(8 * mebi)
  const reader = await host.cache.readAlone(async () => producer, patient)
  const client = new FakeClient({ mayTake: false })
  const copied = reader.copyTo(client, () => {}).then(() => client.whole())
  await until('both to be on disk', () => host.cache.readersAlone === 2)
  assert.ok(host.cache.aheadBytes > 15 * mebi && host.cache.bytes === 0)
  shared.client.take()
  client.take()
  await Promise.all([shared.copied, copied])
  assert.deepEqual([shared.client.sha1, client.sha1], [hashOf(8 * mebi), hashOf(8 * mebi)])
  assert.equal(host.cache.aheadBytes, 0)
  assert.equal(host.problems.length, 1)
})

test('a producer for one client is let go if the client left before its start', async () => {
  await using host = await openCache({ aheadBytes: mebi })
  const leave = new AbortController()
  const producer = new FakeProducer(mebi)
  const start = async () => {
    leave.abort()
    return producer
  }
  await assert.rejects(host.cache.readAlone(start, leave.signal), { name: 'AbortError' })
  assert.equal(producer.stops, 1)
})
