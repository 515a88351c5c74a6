import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { CoordinatorError } from '@sluice/shared/coordinator/coordinator'
import { instantNow } from '@sluice/shared/coordinator/lease/instant'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { slotOf } from '@sluice/shared/placement/slot'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { until } from '@sluice/shared/testing/until'
import { SlotTable } from '../../src/cluster/table/slot-table.ts'
import { heard, keys, TestCluster } from '../support/cluster-host.ts'
import type { TestHost } from '../support/cluster-host.ts'

const never = new AbortController().signal
const slot = slotOf('demo')
const fetch: GitRequest = {
  kind: 'rpc',
  service: 'upload-pack',
  repository: 'demo.git',
  protocol: undefined,
  version: 0,
}
const both = { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'] }
const withoutTwo = { primary: 'one', copies: ['one', 'two'], inSync: ['one'], next: undefined, term: undefined }
const own = { storage: 'own', copies: 2 } as const

const reads = async ({ cluster }: TestHost): Promise<boolean> => {
  try {
    await cluster.placement.admit(fetch, undefined, never)
    return true
  } catch (error) {
    assert.ok(error instanceof Refusal && error.reason === 'no_lease', String(error))
    return false
  }
}

/** A copy asks a primary, and is answered. */
function ask(copy: TestHost, primary: TestHost): void {
  const asked = instantNow()
  const grant = primary.cluster.reads.grants.answer(copy.cluster.reads.leases.ask(primary.name))
  copy.cluster.reads.leases.take(primary.name, asked, grant!)
}

/** Whether something is over yet. */
function watchEnd(of: Promise<unknown>): () => boolean {
  let isOver = false
  void of.then(() => (isOver = true))
  return () => isOver
}

async function openBoth(cluster: TestCluster, ttl: number): Promise<[TestHost, TestHost, number]> {
  const one = await cluster.join('one', { ...own, ttl })
  const two = await cluster.join('two', { ...own, ttl })
  const term = await cluster.place('demo', both)
  await Promise.all([heard(one, term), heard(two, term)])
  await until('the watches to come so far', () => one.cluster.known.slots.watched >= term)
  await until('the watches to come so far', () => two.cluster.known.slots.watched >= term)
  return [one, two, term]
}

test('a copy is read from only while its primary lets it, and a primary while its lease is live', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await openBoth(cluster, 2000)
  assert.deepEqual([await reads(one), await reads(two)], [true, false])
  assert.deepEqual(two.cluster.reads.leases.primaries, ['one'])
  assert.deepEqual(one.cluster.reads.leases.primaries, [])
  ask(two, one)
  assert.equal(await reads(two), true)
  await until('the grant to be over', async () => !(await reads(two)))
})

test('whom a copy asks follows each change of a slot', async () => {
  await using cluster = new TestCluster()
  const [, two] = await openBoth(cluster, 60_000)
  const asked = () => two.cluster.reads.leases.primaries
  assert.deepEqual(asked(), ['one'])
  await heard(two, await cluster.place('demo', { ...both, inSync: ['one'] }))
  assert.deepEqual(asked(), [])
  await heard(two, await cluster.place('other', both))
  assert.deepEqual(asked(), ['one'])
  await heard(two, await cluster.place('other', { ...both, primary: 'two' }))
  assert.deepEqual(asked(), [])
})

test('a grant is not used before the copy knows what the primary knew, and the one before is meanwhile', async () => {
  await using cluster = new TestCluster()
  const [one, two, term] = await openBoth(cluster, 60_000)
  two.coordinator.isAway = true
  const later = await cluster.place('other', { primary: 'one' })
  await heard(one, later)
  ask(two, one)
  assert.equal(await reads(two), false)
  two.coordinator.isAway = false
  await until('the copy to hear of it', () => reads(two))
  // The next one comes from a table that the copy does not have yet: it goes on with the one that it has.
  two.coordinator.isAway = true
  await heard(one, await cluster.place('other', { primary: 'one' }))
  ask(two, one)
  assert.equal(await reads(two), true)
  assert.ok(term < later)
})

test('a primary that joins later than the last change of a slot asks copies to know no more than that', async () => {
  await using cluster = new TestCluster()
  // While somebody has this key, no host balances, and no slot changes.
  const lease = await cluster.operator.grantLease(60_000)
  await cluster.operator.swap([{ key: keys.balancer, expected: 0, value: 'nobody', lease }])
  const two = await cluster.join('two', { ...own, ttl: 60_000 })
  const term = await cluster.place('demo', both)
  await until('the watch to come so far', () => two.cluster.known.slots.watched === term)
  const one = await cluster.join('one', { ...own, ttl: 60_000 })
  assert.ok(one.cluster.known.slots.revision > term)
  await until('its host to be known', () => two.cluster.reads.leases.primaries.includes('one'))
  ask(two, one)
  assert.equal(await reads(two), true)
})

test('a copy has come as far as its watch when all of that is in its table, and not before', async () => {
  const table = new SlotTable(keys, { onInvalid() {}, onWentBack() {} })
  const entries = [1, 2, 3].map((number) => ({
    key: keys.slot(number),
    value: writeSlotRecord(withoutTwo),
    revision: 9,
  }))
  using _slow = table.listen(() => {
    // So that others get the event loop after each.
    for (const end = performance.now() + 10; performance.now() < end;);
  })
  const taking = table.take({ kind: 'all', revision: 9, entries })
  await setImmediate()
  assert.deepEqual([table.at(1).revision, table.at(3).revision, table.watched], [9, 0, 0])
  await taking
  assert.deepEqual([table.at(3).revision, table.watched], [9, 9])
})

test('no acknowledgement while a copy that was taken out may answer reads: until it hears of it', async () => {
  await using cluster = new TestCluster()
  const [one, two, term] = await openBoth(cluster, 3000)
  await one.cluster.reads.grants.settled(slot, new Set(['one', 'two']))
  // It was not taken out: nothing is waited for. (What a process before this one granted is over by now.)
  ask(two, one)
  two.coordinator.isAway = true
  await one.cluster.inSync.remove(slot, term, 'two', new Error('too slow'))
  const isSettled = watchEnd(one.cluster.reads.grants.settled(slot, new Set(['one'])))
  while (await reads(two)) {
    assert.equal(isSettled(), false)
    await new Promise((resolve) => void setTimeout(resolve, 5))
  }
  await until('the wait to end', isSettled)
  assert.equal(await reads(two), false)
})

test('while etcd is away, reads go on for as long as all copies in sync promise to take nothing', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await openBoth(cluster, 3000)
  ask(two, one)
  for (const host of [one, two]) host.coordinator.isAway = true
  one.coordinator.lapse()
  // A promise counts from the answer before.
  ask(two, one)
  ask(two, one)
  assert.deepEqual([await reads(one), await reads(two)], [true, true])
  await until('the primary to stop', async () => !(await reads(one)))
  await until('the copy to stop', async () => !(await reads(two)))
})

test('a host that takes a slot acknowledges nothing while it may have promised not to', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await openBoth(cluster, 3000)
  await two.cluster.reads.grants.settled(slotOf('elsewhere'), new Set(['two']))
  one.coordinator.isAway = true
  one.coordinator.lapse()
  assert.equal(await reads(one), false)
  // A promise counts from the answer before.
  ask(two, one)
  ask(two, one)
  assert.equal(await reads(one), true)
  const term = await cluster.place('demo', { ...both, primary: 'two' })
  await heard(two, term)
  assert.deepEqual(two.cluster.reads.leases.primaries, [])
  const isSettled = watchEnd(two.cluster.reads.grants.settled(slot, new Set(['one', 'two'])))
  while (await reads(one)) {
    assert.equal(isSettled(), false)
    await new Promise((resolve) => void setTimeout(resolve, 5))
  }
  await until('the wait to end', isSettled)
  assert.equal(await reads(one), false)
})

test('nor where the slot was to be handed over to it when it took it', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await openBoth(cluster, 1500)
  await two.cluster.reads.grants.settled(slotOf('elsewhere'), new Set(['two']))
  one.coordinator.isAway = true
  await heard(two, await cluster.place('demo', { ...both, next: 'two' }))
  one.coordinator.lapse()
  ask(two, one)
  ask(two, one)
  assert.equal(await reads(one), true)
  await heard(two, await cluster.place('demo', { ...both, primary: 'two', inSync: ['two'] }))
  assert.deepEqual(two.cluster.reads.leases.primaries, [])
  const isSettled = watchEnd(two.cluster.reads.grants.settled(slot, new Set(['two'])))
  while (await reads(one)) {
    assert.equal(isSettled(), false)
    await new Promise((resolve) => void setTimeout(resolve, 5))
  }
  await until('the wait to end', isSettled)
})

test('a slot that a primary may have given away is not read there, nor by what it grants, until that is certain', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await openBoth(cluster, 60_000)
  const three = await cluster.join('three', { ...own, ttl: 60_000 })
  const all = { ...both, copies: ['one', 'two', 'three'], inSync: ['one', 'two', 'three'] }
  const term = await cluster.place('demo', all)
  await heard(one, term)
  const push = one.cluster.placement.hold('demo')
  const asked = await cluster.place('demo', { ...all, next: 'two', term })
  await until('the watch to come so far', () => three.cluster.known.slots.watched >= asked)
  three.coordinator.isAway = true
  // The answer to its swap is lost, and it hears of nothing else.
  const swap = one.coordinator.swap.bind(one.coordinator)
  one.coordinator.swap = async (parts) => {
    await swap(parts)
    one.coordinator.isAway = true
    throw new CoordinatorError('The answer is lost.', { mayBeDone: true })
  }
  push![Symbol.dispose]()
  await until('it to be given away', () => two.cluster.known.slots.at(slot).record?.primary === 'two')
  await until('the answer to be lost', () => one.coordinator.isAway)
  assert.equal(one.cluster.known.slots.at(slot).record?.primary, 'one')
  ask(three, one)
  assert.deepEqual([await reads(one), await reads(three)], [false, false])
  one.coordinator.swap = swap
  one.coordinator.isAway = false
  await until('it to be certain', () => one.cluster.known.slots.at(slot).record?.primary === 'two')
  ask(one, two)
  await until('its watch to come so far', () => reads(one))
})

test('what a host is promised when it is back holds up no slot that was taken from it before', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await openBoth(cluster, 3000)
  await two.cluster.reads.grants.settled(slotOf('elsewhere'), new Set(['two']))
  ask(two, one)
  const taken = { ...both, primary: 'two', inSync: ['two'] }
  await heard(two, await cluster.place('demo', taken))
  // It is back under a new lease, and the primary of something else.
  await one[Symbol.asyncDispose]()
  const again = await cluster.join('one', { ...own, ttl: 3000 })
  const term = await cluster.place('other', both)
  await Promise.all([heard(again, term), heard(two, term)])
  await until('it to be asked again', () => two.cluster.reads.leases.primaries.includes('one'))
  const keepAsking = setInterval(() => ask(two, again), 100)
  const isSettled = watchEnd(two.cluster.reads.grants.settled(slot, new Set(['two'])))
  await until('the wait to end', isSettled)
  clearInterval(keepAsking)
})
