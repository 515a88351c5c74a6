import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CoordinatorError } from '../../src/coordinator/coordinator.ts'
import { InProcessCoordinator } from '../../src/coordinator/in-process/in-process-coordinator.ts'
import { KeyStore } from '../../src/coordinator/in-process/key-store.ts'
import { until } from '../../testing/until.ts'
import { testContract, watchOf } from './contract.ts'

describe('the coordinator in this process', () => {
  const store = new KeyStore()
  let prefixes = 0
  testContract({
    connect: async () => new InProcessCoordinator(store),
    newPrefix: () => `/test/${++prefixes}/`,
    endLease: async (id) => store.endLease(id),
    compact: async () => store.compact(),
    shortestLease: 1000,
  })

  test('one that is away fails, brings nothing, loses its leases, and goes on where it was', async () => {
    await using here = new InProcessCoordinator(store)
    await using away = new InProcessCoordinator(store)
    using watch = watchOf(away, '/away/')
    assert.equal((await watch.next()).kind, 'all')
    const lease = await away.grantLease(1000)
    await away.swap([{ key: '/away/a', expected: 0, value: '1', lease }])
    await watch.next()
    away.isAway = true
    await assert.rejects(away.read('/away/'), CoordinatorError)
    await until('its key is gone', async () => (await here.read('/away/')).entries.length === 0)
    assert.equal(lease.isLive, false)
    assert.equal(lease.ended.aborted, false, 'it cannot know')
    const brought = watch.next()
    away.isAway = false
    const watched = await brought
    assert.deepEqual(watched.kind === 'changes' && watched.changes.map(({ value }) => value), [undefined])
    await until('it knows', () => lease.ended.aborted)
  })

  test('a watch that is far behind reads all keys anew', async () => {
    await using coordinator = new InProcessCoordinator(store)
    using watch = watchOf(coordinator, '/far/')
    await watch.next()
    for (let index = 0; index < 40_000; index++) store.swap([{ key: '/far/a', expected: undefined, value: `${index}` }])
    const watched = await watch.next()
    assert.deepEqual(watched.kind === 'all' && watched.entries.map(({ value }) => value), ['39999'])
  })
})
