import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { truncateSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { maxJoinableBytes } from '../../../src/cache/packs/stream/pack-stream-options.ts'
import { SharedPack } from '../../../src/cache/packs/shared-pack.ts'
import { noneIsTooSlow, SlowReaders } from '../../../src/cache/packs/slow-readers.ts'
import { SpoolFolder } from '../../../src/cache/packs/spool/spool-folder.ts'
import { FakeClient, FakeProducer, hashOf, openFiles } from '../../support/pack-producer.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'

const mebi = 2 ** 20

type Options = {
  isSpooled?: boolean
  budget?: number
  maxAheadBytes?: number
  aheadBudget?: number
  maxSlowBytes?: number
  isForOne?: boolean
}

/** A pack in a folder of its own. At the end, none of its files may be open. */
async function startPack(producer: FakeProducer, options: Options = {}) {
  const temporary = await temporaryFolder()
  const remove = async () => {
    await temporary[Symbol.asyncDispose]()
  }
  return produceIn(temporary.path, producer, options, remove)
}

function produceIn(
  path: string,
  producer: FakeProducer,
  { isSpooled = true, budget = 2 ** 30, maxAheadBytes = 2 ** 30, ...slow }: Options,
  remove: () => Promise<void>,
) {
  const { aheadBudget = 2 ** 30, maxSlowBytes = 2 ** 30, isForOne = false } = slow
  const folder = new SpoolFolder(path, budget, () => false)
  const aheadFolder = new SpoolFolder(path, aheadBudget, () => false)
  const problems: string[] = []
  const onDiskProblem = (error: Error) => void problems.push(error.message)
  const common = { folder, aheadFolder, maxSlowBytes, isForOne, isClosed: isForOne, onChange: () => {}, onDiskProblem }
  const pack = new SharedPack(producer, { ...common, isSpooled, maxAheadBytes })
  const read = (client = new FakeClient()) => {
    const reader = pack.join()
    const copied = reader.copyTo(client, () => {}).then(() => client.whole())
    copied.catch(() => {})
    return { reader, client, copied }
  }
  return {
    pack,
    folder,
    aheadFolder,
    problems,
    path,
    read,
    async [Symbol.asyncDispose]() {
      pack.drop()
      if (!pack.isOver || pack.readers > 0) pack.close(new Error('The test is over.'))
      await Promise.all([folder.closed(), aheadFolder.closed()])
      assert.deepEqual(openFiles(path), [])
      assert.deepEqual([folder.bytes, folder.spools, aheadFolder.bytes, aheadFolder.spools], [0, 0, 0, 0])
      await remove()
    },
  }
}

test('fifty readers at different speeds, one of them late, all get the same bytes', async () => {
  const total = 6 * mebi + 5
  const producer = new FakeProducer(total, 3 * mebi)
  await using shared = await startPack(producer)
  const early = Array.from({ length: 49 }, (_, index) => shared.read(new FakeClient({ turns: index % 10 })))
  await until('the beginning to be spooled', () => shared.pack.spooledBytes === 3 * mebi)
  await until('the fastest to be through it', () => early[0]!.client.bytes === 3 * mebi)
  const readers = [...early, shared.read()]
  producer.goOn()
  await Promise.all(readers.map(({ copied }) => copied))
  const expected = hashOf(total)
  for (const { client } of readers) assert.equal(client.sha1, expected)
  assert.equal(shared.pack.state, 'finished')
  assert.equal(producer.stops, 0)
})

test('a second reader that comes while all of a direct stream is in memory gets it from the beginning', async () => {
  const producer = new FakeProducer(8 * mebi, 2 * mebi)
  await using shared = await startPack(producer, { isSpooled: false })
  const first = shared.read()
  await until('the first to have it', () => first.client.bytes === 2 * mebi)
  assert.equal(shared.pack.state, 'direct')
  const second = shared.read()
  assert.equal(shared.pack.state, 'spooling')
  producer.goOn()
  await Promise.all([first.copied, second.copied])
  assert.deepEqual([first.client.sha1, second.client.sha1], [hashOf(8 * mebi), hashOf(8 * mebi)])
  assert.equal(shared.folder.bytes, 8 * mebi)
})

test('a direct reader that is held back when the second one comes goes on where it was', async () => {
  const producer = new FakeProducer(8 * mebi)
  await using shared = await startPack(producer, { isSpooled: false })
  const first = shared.read(new FakeClient({ mayTake: false }))
  await until('it to be held back', () => producer.output.isPaused())
  const second = shared.read()
  await second.copied
  first.client.take()
  await first.copied
  assert.deepEqual([first.client.sha1, second.client.sha1], [hashOf(8 * mebi), hashOf(8 * mebi)])
})

test('a direct stream can be joined until 4 MiB have passed, and is not on disk', async () => {
  const producer = new FakeProducer(8 * mebi, maxJoinableBytes)
  await using shared = await startPack(producer, { isSpooled: false })
  const { client, copied } = shared.read()
  await until('4 MiB', () => client.bytes === maxJoinableBytes)
  assert.equal(shared.pack.isJoinable, true)
  producer.goOn(maxJoinableBytes + 1)
  await until('one more', () => client.bytes === maxJoinableBytes + 1)
  assert.equal(shared.pack.isJoinable, false)
  producer.goOn()
  await copied
  assert.equal(client.sha1, hashOf(8 * mebi))
  assert.equal(shared.pack.isJoinable, false)
  assert.deepEqual([shared.folder.spools, openFiles(shared.path)], [0, []])
})

test('a short direct stream cannot be joined when it is over', async () => {
  await using shared = await startPack(new FakeProducer(1000), { isSpooled: false })
  await shared.read().copied
  assert.equal(shared.pack.state, 'finished')
  assert.equal(shared.pack.isJoinable, false)
})

test('an empty output ends well', async () => {
  await using shared = await startPack(new FakeProducer(0))
  const client = new FakeClient()
  const listeners = () => ['drain', 'close', 'error'].map((event) => client.listenerCount(event))
  const before = listeners()
  await shared.pack.join().copyTo(client, () => {})
  assert.deepEqual([client.bytes, listeners()], [0, before])
  assert.equal(shared.pack.isJoinable, false)
})

for (const isSpooled of [false, true]) {
  test(`the producer is stopped when the last reader leaves, and only then (${isSpooled ? 'spooled' : 'direct'})`, async () => {
    const producer = new FakeProducer(8 * mebi, mebi)
    await using shared = await startPack(producer, { isSpooled })
    const first = shared.read()
    const second = isSpooled ? shared.read() : undefined
    await until('a part to arrive', () => first.client.bytes === mebi)
    if (second) {
      first.reader[Symbol.dispose]()
      first.reader[Symbol.dispose]()
      await assert.rejects(first.copied, /left before the end/)
      assert.equal(producer.stops, 0)
      producer.goOn(2 * mebi)
      await until('the other to go on', () => second.client.bytes === 2 * mebi)
    }
    const last = second ?? first
    last.reader[Symbol.dispose]()
    await assert.rejects(last.copied)
    assert.equal(producer.stops, 1)
    assert.deepEqual([shared.pack.state, shared.pack.isJoinable], ['failed', false])
  })
}

test('nothing is lost while a reader does not read yet', async () => {
  const producer = new FakeProducer(mebi)
  await using shared = await startPack(producer, { isSpooled: false })
  const reader = shared.pack.join()
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  assert.equal(producer.produced, 0)
  const client = new FakeClient()
  await reader.copyTo(client, () => {})
  await client.whole()
  assert.equal(client.sha1, hashOf(mebi))
})

test('nothing is lost when the disk is given up', async () => {
  await using shared = await startPack(new FakeProducer(mebi), { budget: 0 })
  const first = shared.read()
  const reader = shared.pack.join()
  await until('the disk to be given up', () => shared.pack.state === 'live')
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  assert.equal(first.client.bytes, 0)
  const client = new FakeClient()
  await Promise.all([first.copied, reader.copyTo(client, () => {}).then(() => client.whole())])
  assert.deepEqual([first.client.sha1, client.sha1], [hashOf(mebi), hashOf(mebi)])
})

test('a reader that leaves before anything is copied leaves nothing behind', async () => {
  const producer = new FakeProducer(8 * mebi)
  await using shared = await startPack(producer)
  shared.pack.join()[Symbol.dispose]()
  assert.equal(producer.stops, 1)
})

test('a client that closes has left, and its reader reports no error', async () => {
  const producer = new FakeProducer(8 * mebi, mebi)
  await using shared = await startPack(producer)
  const { client, copied } = shared.read(new FakeClient({ mayTake: false }))
  await until('something to arrive', () => client.writableLength > 0)
  client.destroy()
  await copied
  assert.equal(producer.stops, 1)
})

for (const isSpooled of [false, true]) {
  test(`what the count throws is that reader’s own failure (${isSpooled ? 'spooled' : 'direct'})`, async () => {
    const producer = new FakeProducer(8 * mebi)
    await using shared = await startPack(producer, { isSpooled })
    using reader = shared.pack.join()
    const other = isSpooled ? shared.read() : undefined
    let calls = 0
    const copied = reader.copyTo(new FakeClient(), () => {
      calls++
      throw new Error('too much')
    })
    await assert.rejects(copied, /too much/)
    assert.equal(calls, 1)
    await other?.copied
    assert.equal(producer.stops, other ? 0 : 1)
  })
}

test('a producer that fails fails all its readers at once, also those that are behind', async () => {
  const producer = new FakeProducer(8 * mebi, 2 * mebi)
  await using shared = await startPack(producer)
  const fast = shared.read()
  const slow = shared.read(new FakeClient({ mayTake: false }))
  const idle = shared.pack.join()
  await until('the fast one to have it all', () => fast.client.bytes === 2 * mebi)
  producer.fail(new Error('git was killed'))
  await assert.rejects(fast.copied, /git was killed/)
  await assert.rejects(slow.copied, /git was killed/)
  await assert.rejects(
    idle.copyTo(new FakeClient(), () => {}),
    /git was killed/,
  )
  assert.equal(shared.pack.isJoinable, false)
  assert.equal(producer.stops, 0)
})

test('an output that is whole counts as a pack only when its git has ended well', async () => {
  for (const isSpooled of [false, true]) {
    const producer = new FakeProducer(mebi)
    const { promise: ended, reject: fail } = Promise.withResolvers<'keep'>()
    Object.assign(producer, { ended })
    await using shared = await startPack(producer, { isSpooled })
    const { client, copied } = shared.read()
    await until('everything', () => client.bytes === mebi && producer.output.readableEnded)
    assert.equal(shared.pack.isOver, false)
    fail(new Error('killed at the very end'))
    await assert.rejects(copied, /killed at the very end/)
  }
})

test('an output that is not to be kept goes to its readers, and to no later ones', async () => {
  const producer = new FakeProducer(mebi)
  producer.use = 'forget'
  await using shared = await startPack(producer)
  const slow = shared.read(new FakeClient({ mayTake: false }))
  await shared.read().copied
  assert.deepEqual([shared.pack.state, shared.pack.isJoinable], ['finished', false])
  slow.client.take()
  await slow.copied
  assert.equal(slow.client.sha1, hashOf(mebi))
  await until('its spool to be closed', () => openFiles(shared.path).length === 0)
})

test('an output that breaks off is a failure, and its git is stopped', async () => {
  for (const error of [undefined, new Error('broken pipe')]) {
    const producer = new FakeProducer(8 * mebi, mebi)
    await using shared = await startPack(producer)
    const { client, copied } = shared.read()
    await until('a part', () => client.bytes === mebi)
    producer.output.destroy(error)
    await assert.rejects(copied, error ?? /closed before its end/)
    assert.equal(producer.stops, 1)
  }
})

test('an output that was closed before anybody read it is a failure', async () => {
  for (const error of [undefined, new Error('broken pipe')]) {
    const producer = new FakeProducer(mebi)
    producer.output.on('error', () => {})
    producer.output.destroy(error)
    await until('it to be closed', () => producer.output.closed)
    await using shared = await startPack(producer)
    await assert.rejects(shared.read().copied, error ?? /closed before its end/)
  }
})

/** Holds the first write to a spool until the test says how it ends. */
function holdWrites(t: TestContext) {
  const gate = Promise.withResolvers<void>()
  const held = t.mock.method(SpoolFolder.prototype, 'create', async function (this: SpoolFolder) {
    await gate.promise
    held.mock.restore()
    return this.create()
  })
  return { letGo: gate.resolve, fail: () => gate.reject(new Error('ENOSPC')) }
}

test('output that the disk cannot take yet holds the producer back', async (t) => {
  const writes = holdWrites(t)
  const producer = new FakeProducer(8 * mebi)
  await using shared = await startPack(producer)
  shared.read(new FakeClient({ mayTake: false }))
  await until('it to wait for the disk', () => producer.output.isPaused())
  assert.ok(producer.produced >= mebi && producer.produced <= 1.25 * mebi, `${producer.produced} bytes`)
  writes.letGo()
  await until('everything to be on disk', () => shared.pack.state === 'finished')
})

test('the producer runs to its end while no client takes anything', async () => {
  const producer = new FakeProducer(8 * mebi, 2 ** 18)
  await using shared = await startPack(producer)
  const { client } = shared.read(new FakeClient({ mayTake: false }))
  await until('it to be held back', () => client.writableLength > 0 && shared.pack.spooledBytes === 2 ** 18)
  producer.goOn()
  await until('everything to be on disk', () => shared.pack.state === 'finished')
})

for (const end of ['letGo', 'fail'] as const) {
  test(`a pack that failed while it was written stays so (${end})`, async (t) => {
    const writes = holdWrites(t)
    await using shared = await startPack(new FakeProducer(mebi / 2))
    const { reader, copied } = shared.read()
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    reader[Symbol.dispose]()
    await assert.rejects(copied)
    writes[end]()
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    assert.deepEqual([shared.pack.state, shared.problems], ['failed', []])
  })
}

test('a pack that was not spooled as a whole cannot be joined when it has ended', async (t) => {
  const writes = holdWrites(t)
  const producer = new FakeProducer(30_000)
  const { promise: ended, resolve: end } = Promise.withResolvers<'keep'>()
  Object.assign(producer, { ended })
  await using shared = await startPack(producer, { isSpooled: false })
  const first = shared.read(new FakeClient({ mayTake: false }))
  await until('it to be given all of it', () => first.reader.position === 30_000)
  const second = shared.read()
  second.reader[Symbol.dispose]()
  writes.fail()
  await until('the disk to be given up', () => shared.pack.state === 'live')
  first.client.take()
  await until('the output to end', () => producer.output.readableEnded)
  end('keep')
  await first.copied
  assert.equal(shared.pack.isJoinable, false)
})

test('a reader that leaves while it reads from the disk writes nothing more', async () => {
  await using shared = await startPack(new FakeProducer(mebi))
  await shared.read().copied
  const reader = shared.pack.join()
  const client = new FakeClient()
  let counted = 0
  const copied = reader.copyTo(client, (count) => (counted += count))
  reader[Symbol.dispose]()
  await assert.rejects(copied, /left before the end/)
  await client.whole()
  assert.deepEqual([counted, client.bytes], [0, 0])
})

test('a slow reader holds back nobody, and little waits in memory for it or for the disk', async () => {
  const producer = new FakeProducer(32 * mebi)
  await using shared = await startPack(producer)
  const slow = shared.read(new FakeClient({ mayTake: false }))
  const fast = shared.read()
  let mostUnwritten = 0
  producer.output.on('data', () => {
    mostUnwritten = Math.max(mostUnwritten, producer.produced - shared.pack.spooledBytes)
  })
  await fast.copied
  assert.ok(slow.client.mostHeld > 0 && slow.client.mostHeld <= 256 * 1024, `${slow.client.mostHeld} bytes`)
  assert.ok(mostUnwritten <= 1.5 * mebi, `${mostUnwritten} bytes were not yet written`)
  slow.client.take()
  await slow.copied
  assert.ok(slow.client.mostHeld <= 256 * 1024)
  assert.deepEqual([slow.client.sha1, fast.client.sha1], [hashOf(32 * mebi), hashOf(32 * mebi)])
})

test('a direct stream runs at its reader’s pace', async () => {
  const producer = new FakeProducer(32 * mebi)
  await using shared = await startPack(producer, { isSpooled: false })
  const { client, copied } = shared.read(new FakeClient({ mayTake: false }))
  await until('it to be held back', () => client.writableNeedDrain && producer.output.isPaused())
  assert.ok(producer.produced <= 256 * 1024, `${producer.produced} bytes`)
  client.take()
  await copied
  assert.equal(client.sha1, hashOf(32 * mebi))
})

test('the producer is only so far ahead of the fastest reader, unless there is plenty of room', async () => {
  const producer = new FakeProducer(32 * mebi)
  await using shared = await startPack(producer, { maxAheadBytes: 2 * mebi, budget: 68 * mebi })
  shared.folder.take(34 * mebi)
  using _others = { [Symbol.dispose]: () => shared.folder.giveBack(34 * mebi) }
  const slow = shared.read(new FakeClient({ mayTake: false }))
  const fast = shared.read(new FakeClient({ mayTake: false }))
  await until('it to wait', () => shared.pack.spooledBytes >= 2 * mebi && producer.output.isPaused())
  assert.ok(producer.produced <= 2.5 * mebi, `${producer.produced} bytes`)
  fast.client.take()
  await fast.copied
  slow.client.take()
  await slow.copied
  assert.deepEqual([slow.client.sha1, fast.client.sha1], [hashOf(32 * mebi), hashOf(32 * mebi)])
})

test('a slow reader that catches up does not hold the fastest one back', async () => {
  const producer = new FakeProducer(32 * mebi, 16 * mebi)
  await using shared = await startPack(producer, { maxAheadBytes: 2 * mebi })
  const slow = shared.read(new FakeClient({ mayTake: false, turns: 50 }))
  const fast = shared.read()
  await until('the fast one to have what there is', () => fast.client.bytes === 16 * mebi)
  slow.client.take()
  await until('the slow one to come further', () => slow.client.bytes > 0)
  slow.client.holdAgain()
  producer.goOn()
  await fast.copied
  assert.ok(slow.client.bytes < 16 * mebi)
})

test('when the budget is used up, all read what is spooled, and then go on at the pace of the slowest', async () => {
  const producer = new FakeProducer(32 * mebi, 12 * mebi)
  await using shared = await startPack(producer, { budget: 3 * mebi })
  const slow = shared.read(new FakeClient({ mayTake: false }))
  const fast = shared.read()
  await until('the budget to be used up', () => shared.pack.state === 'live')
  assert.equal(shared.pack.isJoinable, false)
  await until('the fast one to be at the end of it', () => fast.client.bytes === shared.pack.spooledBytes)
  assert.ok(producer.output.isPaused())
  assert.ok(producer.produced <= 5 * mebi, `${producer.produced} bytes`)
  slow.client.take()
  await until('both to go on', () => slow.client.bytes === 12 * mebi && fast.client.bytes === 12 * mebi)
  assert.equal(shared.folder.spools, 0)
  fast.client.holdAgain()
  producer.goOn()
  await until('it to wait for the other', () => fast.client.writableNeedDrain && producer.output.isPaused())
  assert.ok(slow.client.bytes - fast.client.bytes <= 256 * 1024)
  fast.client.take()
  await Promise.all([slow.copied, fast.copied])
  assert.deepEqual([slow.client.sha1, fast.client.sha1], [hashOf(32 * mebi), hashOf(32 * mebi)])
  assert.match(shared.problems.join(), /^The budget of 3145728 bytes is used up\.$/)
})

/** Looks twice a second, by a clock of its own. */
function watch(...packs: SharedPack[]) {
  const tooSlow = () => new Error('too slow')
  const slow = new SlowReaders({ ...noneIsTooSlow, tooSlow })
  let now = 0
  return (seconds: number) => {
    for (let turn = 0; turn < 2 * seconds; turn++) slow.look(packs, true, (now += 500))
  }
}

for (const leftOnDisk of [true, false]) {
  const where = leftOnDisk ? 'on disk' : 'in memory'
  test(`a reader that stops where the disk is used up is ended after a while, and the others go on (it is ${where})`, async () => {
    const producer = new FakeProducer(32 * mebi)
    await using shared = await startPack(producer, { budget: 3 * mebi, aheadBudget: 0 })
    const stuck = shared.read(new FakeClient({ mayTake: false }))
    const others = [shared.read(), shared.read()]
    await until('the budget to be used up', () => shared.pack.state === 'live')
    if (!leftOnDisk) {
      stuck.client.take()
      await until('it to go on with the others', () => stuck.client.bytes > 6 * mebi)
      stuck.client.holdAgain()
    }
    await until('the others to wait', () => {
      return shared.pack.heldUpBy.length === 1 && others.every(({ reader, client }) => client.bytes === reader.position)
    })
    assert.deepEqual(shared.pack.heldUpBy, [stuck.reader])
    const pass = watch(shared.pack)
    pass(15)
    assert.equal(shared.pack.readers, 3)
    pass(1)
    await assert.rejects(stuck.copied, /too slow/)
    await Promise.all(others.map(({ copied }) => copied))
    for (const { client } of others) assert.equal(client.sha1, hashOf(32 * mebi))
    assert.equal(producer.stops, 0)
  })
}

test('no reader is ended for others that are as slow, nor while all read from the disk', async () => {
  const producer = new FakeProducer(8 * mebi)
  await using full = await startPack(producer, { budget: mebi, aheadBudget: 0 })
  const stuck = [1, 2].map(() => full.read(new FakeClient({ mayTake: false })))
  await until('the budget to be used up', () => full.pack.state === 'live')
  await using roomy = await startPack(new FakeProducer(8 * mebi, 4 * mebi))
  const slow = roomy.read(new FakeClient({ mayTake: false }))
  const fast = roomy.read()
  await until('the fast one to have what there is', () => fast.client.bytes === 4 * mebi)
  watch(full.pack, roomy.pack)(600)
  assert.deepEqual([full.pack.readers, roomy.pack.readers], [2, 2])
  for (const { client } of [...stuck, slow]) client.take()
  await Promise.all(stuck.map(({ copied }) => copied))
})

test('if the slowest of those who go on together leaves, the others do not wait for it', async () => {
  const producer = new FakeProducer(32 * mebi)
  await using shared = await startPack(producer, { budget: mebi })
  const slow = shared.read(new FakeClient({ mayTake: false }))
  const fast = shared.read()
  await until('the fast one to wait', () => shared.pack.state === 'live' && producer.output.isPaused())
  slow.reader[Symbol.dispose]()
  await fast.copied
  assert.equal(fast.client.sha1, hashOf(32 * mebi))
  assert.equal(producer.stops, 0)
})

test('if the disk cannot be used at all, no reader loses a byte', async () => {
  const producer = new FakeProducer(8 * mebi, 2 * mebi)
  await using shared = await startPack(producer, { isSpooled: false, budget: 0 })
  const first = shared.read()
  await until('the first to have a part', () => first.client.bytes === 2 * mebi)
  const second = shared.read(new FakeClient({ turns: 2 }))
  producer.goOn()
  await Promise.all([first.copied, second.copied])
  assert.deepEqual([first.client.sha1, second.client.sha1], [hashOf(8 * mebi), hashOf(8 * mebi)])
  assert.equal(shared.problems.length, 1)
})

test('a reader that has all of the spool is not held up by others that have left', async () => {
  const producer = new FakeProducer(3 * mebi, 2 * mebi)
  await using shared = await startPack(producer, { isSpooled: false, budget: mebi })
  const first = shared.read()
  await until('the first to have a part', () => first.client.bytes === 2 * mebi)
  const second = shared.read(new FakeClient({ mayTake: false }))
  await until('the disk to be given up', () => shared.pack.state === 'live')
  second.reader[Symbol.dispose]()
  producer.goOn()
  await first.copied
  assert.equal(first.client.sha1, hashOf(3 * mebi))
  assert.equal(shared.pack.isJoinable, false)
})

test('a full disk fails no reader', async (t) => {
  await using temporary = await temporaryFolder()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', temporary.path]).status === 0
  if (!mounted) return t.skip('nothing can be mounted here')
  try {
    const producer = new FakeProducer(8 * mebi)
    await using shared = produceIn(temporary.path, producer, {}, async () => {})
    const readers = [shared.read(), shared.read(new FakeClient({ turns: 3 }))]
    await Promise.all(readers.map(({ copied }) => copied))
    for (const { client } of readers) assert.equal(client.sha1, hashOf(8 * mebi))
    assert.match(shared.problems.join(), /^ENOSPC/)
  } finally {
    spawnSync('umount', [temporary.path])
  }
})

test('a spool that cannot be read fails its reader, and cannot be joined again', async () => {
  await using shared = await startPack(new FakeProducer(mebi))
  const behind = shared.read(new FakeClient({ mayTake: false }))
  await shared.read().copied
  assert.equal(shared.pack.isJoinable, true)
  truncateSync(openFiles(shared.path)[0]!.split(' ')[0]!, 200_000)
  behind.client.take()
  await assert.rejects(behind.copied, /ended before its end/)
  assert.equal(shared.pack.isJoinable, false)
  assert.equal(shared.problems.length, 1)
})

test('a finished spool is closed when it is dropped, once its last reader has left', async () => {
  await using shared = await startPack(new FakeProducer(2 * mebi))
  await shared.read().copied
  const late = shared.read(new FakeClient({ mayTake: false }))
  shared.pack.drop()
  assert.equal(shared.pack.isJoinable, false)
  assert.equal(openFiles(shared.path).length, 1)
  late.client.take()
  await late.copied
  assert.equal(late.client.sha1, hashOf(2 * mebi))
  await until('it to be closed', () => openFiles(shared.path).length === 0)
})

for (const isForOne of [false, true]) {
  test(`a producer runs ahead of a reader that takes nothing, and all of it is read later (${isForOne ? 'one' : 'shared'})`, async () => {
    const producer = new FakeProducer(8 * mebi)
    await using shared = await startPack(producer, { isSpooled: false, isForOne })
    const { reader, client, copied } = shared.read(new FakeClient({ mayTake: false }))
    await until('it to be held back', () => shared.pack.heldBackBy.includes(reader))
    shared.pack.runAhead()
    assert.deepEqual(shared.pack.heldBackBy, [])
    await until('everything to be on disk', () => shared.pack.state === 'finished')
    assert.ok(shared.aheadFolder.bytes > 7 * mebi && shared.aheadFolder.bytes < 8 * mebi)
    assert.ok(client.mostHeld <= 128 * 1024, `${client.mostHeld} bytes in memory`)
    assert.equal(shared.pack.isJoinable, false)
    client.take()
    await copied
    assert.equal(client.sha1, hashOf(8 * mebi))
    assert.equal(shared.folder.bytes, 0)
  })
}

test('a producer that has used up a slow reader’s part of the disk keeps to its pace, and may run ahead again', async () => {
  const producer = new FakeProducer(16 * mebi, 8 * mebi)
  await using shared = await startPack(producer, { isSpooled: false, isForOne: true, maxSlowBytes: 3 * mebi })
  const { reader, client, copied } = shared.read(new FakeClient({ mayTake: false }))
  const heldBack = () => shared.pack.heldBackBy.includes(reader)
  await until('it to be held back', heldBack)
  shared.pack.runAhead()
  await until('it to be held back again', heldBack)
  assert.equal(shared.pack.state, 'live')
  assert.ok(shared.aheadFolder.bytes > mebi && shared.aheadFolder.bytes <= 3 * mebi)
  assert.ok(producer.produced <= 5 * mebi, `${producer.produced} bytes`)
  client.take()
  await until('it to have read that', () => shared.aheadFolder.bytes === 0 && client.bytes === 8 * mebi)
  client.holdAgain()
  producer.goOn()
  await until('it to be held back once more', heldBack)
  shared.pack.runAhead()
  await until('more to be on disk', () => shared.aheadFolder.bytes > mebi)
  client.take()
  await copied
  assert.equal(client.sha1, hashOf(16 * mebi))
  assert.deepEqual(shared.problems, [])
})

test('without room for slow readers, nothing changes for them, and the disk is not reported', async () => {
  const producer = new FakeProducer(8 * mebi)
  await using shared = await startPack(producer, { isSpooled: false, isForOne: true, aheadBudget: 0 })
  const { reader, client, copied } = shared.read(new FakeClient({ mayTake: false }))
  await until('it to be held back', () => shared.pack.heldBackBy.includes(reader))
  shared.pack.runAhead()
  assert.deepEqual([shared.pack.state, shared.pack.heldBackBy], ['live', [reader]])
  client.take()
  await copied
  assert.deepEqual([client.sha1, shared.problems], [hashOf(8 * mebi), []])
})

test('a reader that leaves while its producer runs ahead frees everything', async () => {
  const producer = new FakeProducer(8 * mebi, 4 * mebi)
  await using shared = await startPack(producer, { isSpooled: false, isForOne: true })
  const { reader, copied } = shared.read(new FakeClient({ mayTake: false }))
  await until('it to be held back', () => shared.pack.heldBackBy.includes(reader))
  shared.pack.runAhead()
  await until('some of it to be on disk', () => shared.aheadFolder.bytes > mebi)
  reader[Symbol.dispose]()
  await assert.rejects(copied, /left before the end/)
  assert.equal(producer.stops, 1)
})

test('a disk that fails while a producer runs ahead costs its reader nothing', async (t) => {
  const writes = holdWrites(t)
  await using shared = await startPack(new FakeProducer(8 * mebi), { isSpooled: false, isForOne: true })
  const { reader, client, copied } = shared.read(new FakeClient({ mayTake: false }))
  await until('it to be held back', () => shared.pack.heldBackBy.includes(reader))
  shared.pack.runAhead()
  writes.fail()
  await until('the disk to be given up', () => shared.pack.state === 'live')
  client.take()
  await copied
  assert.equal(client.sha1, hashOf(8 * mebi))
  assert.deepEqual(shared.problems, ['ENOSPC'])
})

test('whatever readers do, and with little room, each gets every byte once', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed)
    const below = (most: number) => Math.floor(random.next() * most)
    const total = below(6 * mebi)
    const options = {
      isSpooled: below(4) === 0,
      isForOne: below(2) === 0,
      budget: below(8 * mebi),
      aheadBudget: below(8 * mebi),
      maxSlowBytes: below(4 * mebi),
      maxAheadBytes: mebi + below(4 * mebi),
    }
    const producer = new FakeProducer(total, below(total + 1))
    await using shared = await startPack(producer, {
      ...options,
      isSpooled: options.isSpooled && !options.isForOne,
    })
    const count = options.isForOne ? 1 : 1 + below(3)
    const readers = Array.from({ length: count }, () => shared.read(new FakeClient({ turns: below(20) })))
    const state = { isOver: false }
    const all = Promise.all(readers.map(({ copied }) => copied)).finally(() => (state.isOver = true))
    while (!state.isOver) {
      const { client } = readers[below(count)]!
      if (below(3) === 0) client.holdAgain()
      else client.take()
      if (below(2) === 0) shared.pack.runAhead()
      if (below(8) === 0) producer.goOn()
      for (let turn = below(30); turn > 0; turn--) await new Promise(setImmediate)
    }
    await all
    for (const { client } of readers) assert.equal(client.sha1, hashOf(total), `seed ${seed}`)
  }
})
