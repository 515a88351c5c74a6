import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoordinatorError, keep, mostSwapped } from '../../src/coordinator/coordinator.ts'
import type { Change, Coordinator, Lease, Watched } from '../../src/coordinator/coordinator.ts'
import { patiently } from '../../testing/patience.ts'
import { until } from '../../testing/until.ts'

/** Where the same tests run on each implementation. */
export type Ground = {
  /** Another one that sees the same keys. */
  readonly connect: () => Promise<Coordinator>
  /** A prefix that nothing is below yet. */
  readonly newPrefix: () => string
  /** Ends a lease as an operator would, without its holder. */
  readonly endLease: (id: string) => Promise<void>
  /** Forgets all changes up to now. */
  readonly compact: (revision: number) => Promise<void>
  /** Milliseconds. */
  readonly shortestLease: number
}

/** Declares the tests of what all coordinators do. */
export function testContract(ground: Ground): void {
  testKeys(ground)
  testWatches(ground)
  testLeases(ground)
}

function testKeys({ connect, newPrefix }: Ground): void {
  test('a swap changes what is as expected, and a read shows it', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    const created = await coordinator.swap([
      { key: `${prefix}b`, expected: 0, value: '2 – zwei' },
      { key: `${prefix}a`, expected: 0, value: '' },
    ])
    assert.ok(created.isDone)
    const { revision } = created
    assert.deepEqual(await coordinator.read(prefix), {
      revision,
      entries: [
        { key: `${prefix}a`, value: '', revision },
        { key: `${prefix}b`, value: '2 – zwei', revision },
      ],
    })
    const changed = await coordinator.swap([{ key: `${prefix}a`, expected: revision, value: 'new' }])
    assert.deepEqual(changed, { isDone: true, revision: revision + 1 })
    const read = await coordinator.read(`${prefix}a`)
    assert.deepEqual(read.entries, [{ key: `${prefix}a`, value: 'new', revision: revision + 1 }])
  })

  test('a swap does nothing where one key is not as expected', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    const { revision } = await coordinator.swap([{ key: `${prefix}a`, expected: 0, value: '1' }])
    const parts = [
      { key: `${prefix}a`, expected: revision, value: '2' },
      { key: `${prefix}b`, expected: revision, value: '2' },
    ]
    assert.deepEqual(await coordinator.swap(parts), { isDone: false, revision })
    assert.equal((await coordinator.swap([{ key: `${prefix}a`, expected: 0, value: '2' }])).isDone, false)
    assert.deepEqual((await coordinator.read(prefix)).entries, [{ key: `${prefix}a`, value: '1', revision }])
  })

  test('a swap deletes, compares only, and writes whatever was there', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    const { revision } = await coordinator.swap([{ key: `${prefix}a`, expected: undefined, value: '1' }])
    const compared = await coordinator.swap([{ key: `${prefix}a`, expected: revision, value: keep }])
    assert.deepEqual(compared, { isDone: true, revision }, 'nothing has changed')
    const absent = await coordinator.swap([{ key: `${prefix}b`, expected: 0, value: undefined }])
    assert.deepEqual(absent, { isDone: true, revision }, 'nothing has changed')
    const swapped = await coordinator.swap([
      { key: `${prefix}a`, expected: revision, value: undefined },
      { key: `${prefix}b`, expected: 0, value: keep },
      { key: `${prefix}c`, expected: undefined, value: '3' },
    ])
    assert.deepEqual(swapped, { isDone: true, revision: revision + 1 })
    assert.deepEqual(
      (await coordinator.read(prefix)).entries.map(({ key }) => key),
      [`${prefix}c`],
    )
  })

  test('of many that swap one key at once, one does', async () => {
    await using one = await connect()
    await using other = await connect()
    const key = `${newPrefix()}a`
    const swaps = [one, other, one, other].map((coordinator) => coordinator.swap([{ key, expected: 0, value: 'x' }]))
    const done = (await Promise.all(swaps)).filter(({ isDone }) => isDone)
    assert.equal(done.length, 1)
  })

  test('a swap takes as many parts as it may, and refuses more, and a key that is there twice', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    const parts = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ key: `${prefix}${index}`, expected: 0, value: 'x' }))
    assert.ok((await coordinator.swap(parts(mostSwapped))).isDone)
    await assert.rejects(coordinator.swap(parts(mostSwapped + 1)), RangeError)
    await assert.rejects(coordinator.swap([]), RangeError)
    await assert.rejects(coordinator.swap([...parts(1), ...parts(1)]), RangeError)
    assert.equal((await coordinator.read(prefix)).entries.length, mostSwapped)
  })

  test('a prefix is taken as it is', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    const keys = [`${prefix}a/1`, `${prefix}a/2`, `${prefix}a0`, `${prefix}ä`, `${prefix}\u{10ffff}`]
    await coordinator.swap(keys.map((key) => ({ key, expected: 0, value: 'x' })))
    const found = async (below: string) => (await coordinator.read(below)).entries.map(({ key }) => key)
    assert.deepEqual(await found(`${prefix}a/`), keys.slice(0, 2))
    assert.deepEqual(await found(`${prefix}a`), keys.slice(0, 3))
    assert.deepEqual(await found(prefix), keys)
    assert.deepEqual(await found(`${prefix}none`), [])
  })
}

function testWatches({ connect, newPrefix, compact }: Ground): void {
  test('a watch brings all keys, then each change once, and those of one swap together', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    const { revision } = await coordinator.swap([{ key: `${prefix}a`, expected: 0, value: '1' }])
    using watch = watchOf(coordinator, prefix)
    const entries = [{ key: `${prefix}a`, value: '1', revision }]
    assert.deepEqual(await watch.next(), { kind: 'all', revision, entries })
    await coordinator.swap([{ key: `${prefix.slice(0, -1)}-elsewhere`, expected: undefined, value: 'x' }])
    await coordinator.swap([
      { key: `${prefix}a`, expected: undefined, value: undefined },
      { key: `${prefix}b`, expected: undefined, value: '2' },
    ])
    const changes = [
      { key: `${prefix}a`, value: undefined, revision: revision + 2 },
      { key: `${prefix}b`, value: '2', revision: revision + 2 },
    ]
    assert.deepEqual(await watch.next(), { kind: 'changes', revision: revision + 2, changes })
  })

  test('watches miss nothing and bring nothing twice while others write', async () => {
    await using writer = await connect()
    await using reader = await connect()
    const prefix = newPrefix()
    const count = 300
    const writing = (async () => {
      for (let index = 0; index < count; index++) {
        await writer.swap([{ key: `${prefix}${index % 7}`, expected: undefined, value: String(index) }])
      }
    })()
    const watching = Array.from({ length: 5 }, async () => {
      using watch = watchOf(reader, prefix)
      const first = await watch.next()
      assert.equal(first.kind, 'all')
      return [first, ...(await watch.changesUntil(({ value }) => value === String(count - 1)))] as const
    })
    await patiently('all is written', writing)
    const { revision: last } = await reader.read(prefix)
    for (const [first, ...changes] of await Promise.all(watching)) {
      assert.deepEqual(
        changes.map(({ revision }) => revision),
        Array.from({ length: last - first.revision }, (_, index) => first.revision + 1 + index),
      )
    }
  })

  test('a watch that is behind what was forgotten goes on all the same', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    using watch = watchOf(coordinator, prefix)
    await watch.next()
    for (let index = 0; index < 5; index++) {
      await coordinator.swap([{ key: `${prefix}a`, expected: undefined, value: String(index) }])
    }
    await compact((await coordinator.read(prefix)).revision)
    await coordinator.swap([{ key: `${prefix}b`, expected: undefined, value: 'last' }])
    const seen = new Map<string, string | undefined>()
    await until('it has all', async () => {
      const watched = await watch.next()
      if (watched.kind === 'all') seen.clear()
      for (const { key, value } of watched.kind === 'all' ? watched.entries : watched.changes) seen.set(key, value)
      return seen.get(`${prefix}b`) === 'last'
    })
    assert.equal(seen.get(`${prefix}a`), '4')
  })

  test('a watch ends with its signal, and with its coordinator', async () => {
    const coordinator = await connect()
    const end = new AbortController()
    const ended = AbortSignal.abort()
    const signals = [end.signal, ended, new AbortController().signal]
    const watches = signals.map((signal) => coordinator.watch(newPrefix(), signal)[Symbol.asyncIterator]())
    assert.equal((await watches[0]!.next()).done, false)
    assert.equal((await watches[2]!.next()).done, false)
    const waiting = watches[0]!.next()
    end.abort()
    assert.equal((await patiently('it ends', waiting)).done, true)
    assert.equal((await watches[1]!.next()).done, true)
    const last = watches[2]!.next()
    await coordinator[Symbol.asyncDispose]()
    assert.equal((await patiently('it ends', last)).done, true)
    await assert.rejects(coordinator.read('x'), CoordinatorError)
  })
}

function testLeases({ connect, newPrefix, endLease, shortestLease }: Ground): void {
  test('keys stay as long as their lease, which renews itself', async () => {
    await using coordinator = await connect()
    const key = `${newPrefix()}a`
    let lease: Lease
    let ttl = shortestLease
    const outlivesItself = async () => {
      lease = (await writeWithLease(coordinator, key, ttl)).lease
      assert.ok(lease.ttl >= ttl)
      await new Promise((resolve) => setTimeout(resolve, lease.ttl * 1.5))
      return !lease.ended.aborted && lease.isLive && (await coordinator.read(key)).entries.length === 1
    }
    // A machine that stands still for as long as a lease loses that one, and not all that are longer.
    for (; !(await outlivesItself()); ttl *= 2) assert.ok(ttl < longestLease, `a lease of ${ttl} ms ends`)
    await lease![Symbol.asyncDispose]()
    await lease![Symbol.asyncDispose]()
    assert.ok(lease!.ended.aborted && !lease!.isLive)
    assert.deepEqual((await coordinator.read(key)).entries, [])
  })

  test('a lease that was ended by others says so, and takes no more keys', async () => {
    await using coordinator = await connect()
    const prefix = newPrefix()
    const { lease } = await writeWithLease(coordinator, `${prefix}a`, shortestLease)
    await using _lease = lease
    // It may have ended by itself, where the machine has stood still.
    await endLease(lease.id).catch(async (error: unknown) => {
      if (await isThere(coordinator, `${prefix}a`)) throw error
    })
    const swapping = coordinator.swap([
      { key: `${prefix}b`, expected: undefined, value: 'x' },
      { key: `${prefix}c`, expected: undefined, value: 'x', lease },
    ])
    await assert.rejects(swapping, (error) => error instanceof CoordinatorError && !error.mayBeDone)
    await until('it has ended', () => lease.ended.aborted)
    assert.equal(lease.isLive, false)
    assert.deepEqual((await coordinator.read(prefix)).entries, [])
  })

  test('the leases of a closed coordinator end by themselves', async () => {
    await using other = await connect()
    const prefix = newPrefix()
    using watch = watchOf(other, prefix)
    const coordinator = await connect()
    const { lease, since } = await writeWithLease(coordinator, `${prefix}a`, shortestLease)
    await coordinator[Symbol.asyncDispose]()
    assert.equal(lease.isLive, false)
    const changes = await watch.changesUntil(({ value }) => value === undefined)
    assert.equal(changes.at(-1)?.key, `${prefix}a`)
    // Timers count whole milliseconds.
    assert.ok(performance.now() - since > shortestLease - 10, 'nobody has ended it')
  })
}

const longestLease = 16_000

/**
 * Writes a key that stays as long as its lease. A machine that stands still in between gets a longer lease.
 *
 * @returns `since`: before the lease was asked for, by `performance.now()`
 */
async function writeWithLease(coordinator: Coordinator, key: string, ttl: number) {
  for (; ; ttl *= 2) {
    const since = performance.now()
    const lease = await coordinator.grantLease(ttl)
    try {
      await coordinator.swap([{ key, expected: undefined, value: 'here', lease }])
      return { lease, since }
    } catch (error) {
      await lease[Symbol.asyncDispose]()
      if (!(error instanceof CoordinatorError) || ttl >= longestLease) throw error
    }
  }
}

async function isThere(coordinator: Coordinator, key: string): Promise<boolean> {
  return (await coordinator.read(key)).entries.length > 0
}

/** A watch, batch by batch. */
export function watchOf(coordinator: Coordinator, prefix: string) {
  const end = new AbortController()
  const watch = coordinator.watch(prefix, end.signal)[Symbol.asyncIterator]()
  const next = async (): Promise<Watched> => {
    const { value, done } = await patiently('the watch brings something', watch.next())
    assert.ok(!done)
    return value
  }
  return {
    next,
    async changesUntil(isLast: (change: Change) => boolean): Promise<Change[]> {
      const changes: Change[] = []
      while (!changes.some(isLast)) {
        const watched = await next()
        changes.push(...(watched.kind === 'changes' ? watched.changes : watched.entries))
      }
      return changes
    },
    [Symbol.dispose]: () => end.abort(),
  }
}
