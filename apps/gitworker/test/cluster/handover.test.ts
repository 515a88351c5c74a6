import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoordinatorError } from '@sluice/shared/coordinator/coordinator'
import type { Swap } from '@sluice/shared/coordinator/coordinator'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import { until } from '@sluice/shared/testing/until'
import { longestWaitFor } from '../../src/cluster/handover/handovers.ts'
import { heard, keys, TestCluster } from '../support/cluster-host.ts'

const never = new AbortController().signal
const push = { kind: 'rpc', service: 'receive-pack', repository: 'demo', protocol: undefined, version: 0 } as const
const both = { copies: ['one', 'two'], inSync: ['one', 'two'] }

async function twoHosts(cluster: TestCluster, longestHandover = 30_000) {
  const options = { ttl: 60_000, longestHandover }
  const [one, two] = [await cluster.join('one', options), await cluster.join('two', options)]
  await until('they know each other', () => one.cluster.status.others.length === 1)
  return [one, two] as const
}

async function recordOf(cluster: TestCluster, repository: string) {
  const { entries } = await cluster.operator.read(keys.slot(slotOf(repository)))
  return readSlotRecord(entries[0]!.value, entries[0]!.revision)!
}

test('a primary hands a slot over when no push runs in it, and refuses new ones meanwhile', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await twoHosts(cluster)
  const term = await cluster.place('demo', { primary: 'one', ...both })
  await heard(one, term)
  const running = await one.cluster.placement.admit(push, term, never)
  await heard(one, await cluster.place('demo', { primary: 'one', ...both, next: 'two', term }))
  await until('it is closed', () => one.cluster.status.slots.handingOver === 1)
  await assert.rejects(one.cluster.placement.admit(push, term, never), { reason: 'misplaced' })
  // Reads go on, and so does the push.
  assert.equal(await one.cluster.placement.admit({ ...push, service: 'upload-pack' }, term, never), undefined)
  await running?.confirm(never)
  running?.[Symbol.dispose]()
  await until('it is handed over', async () => (await recordOf(cluster, 'demo')).primary === 'two')
  const record = await recordOf(cluster, 'demo')
  assert.deepEqual([record.next, record.inSync, record.term > term], [undefined, ['one', 'two'], true])
  await assert.rejects(one.cluster.placement.admit(push, record.term, never), { reason: 'misplaced' })
  using taken = await two.cluster.placement.admit(push, record.term, never)
  assert.ok(taken)
  assert.equal(one.cluster.status.handedOver, 1)
})

test('many slots are handed over at once, and a record that has changed meanwhile keeps none of the others', async () => {
  await using cluster = new TestCluster()
  const [one] = await twoHosts(cluster)
  const names = Array.from({ length: 300 }, (_, index) => `r${index}`)
  for (const name of names) await cluster.place(name, { primary: 'one', ...both, next: 'two' })
  await until('all are handed over', async () => {
    const records = await Promise.all(names.map((name) => recordOf(cluster, name)))
    return records.every(({ primary }) => primary === 'two')
  })
  assert.equal(one.cluster.status.slots.primary, 0)
  assert.equal(one.cluster.status.slots.handingOver, 0)
})

test('a slot is not handed over to a copy that fell out of sync while pushes were waited for', async () => {
  await using cluster = new TestCluster()
  const [one] = await twoHosts(cluster)
  const term = await cluster.place('demo', { primary: 'one', ...both })
  await heard(one, term)
  const running = await one.cluster.placement.admit(push, term, never)
  await heard(one, await cluster.place('demo', { primary: 'one', ...both, next: 'two', term }))
  await until('it is closed', () => one.cluster.status.slots.handingOver === 1)
  await one.cluster.inSync.remove(slotOf('demo'), term, 'two', new Error('It is gone.'))
  running?.[Symbol.dispose]()
  await until('it is open again', () => one.cluster.status.slots.handingOver === 0)
  const { primary, next, inSync } = await recordOf(cluster, 'demo')
  assert.deepEqual([primary, next, inSync], ['one', undefined, ['one']])
  using taken = await one.cluster.placement.admit(push, term, never)
  assert.ok(taken)
  // A balancer may not have heard of it.
  await heard(
    one,
    await cluster.place('demo', { primary: 'one', copies: ['one', 'two'], inSync: ['one'], next: 'two', term }),
  )
  assert.equal(one.cluster.status.slots.handingOver, 0)
  assert.equal((await recordOf(cluster, 'demo')).primary, 'one')
})

test('nothing is handed over to a host that does not live, and pushes go on when next is taken back', async () => {
  await using cluster = new TestCluster()
  const [one] = await twoHosts(cluster)
  const three = ['one', 'two', 'three']
  const term = await cluster.place('demo', { primary: 'one', copies: three, inSync: three, next: 'three' })
  await until('it has tried', () => one.lines.some(({ msg }) => msg === 'a slot is not handed over yet'))
  using tenure = await one.cluster.placement.admit(push, term, never)
  assert.ok(tenure)
  await heard(one, await cluster.place('demo', { primary: 'one', ...both, next: 'two', term }))
  await until('it is closed', () => one.cluster.status.slots.handingOver === 1)
  await heard(one, await cluster.place('demo', { primary: 'one', ...both, term }))
  await until('it is open again', () => one.cluster.status.slots.handingOver === 0)
  using again = await one.cluster.placement.admit(push, term, never)
  assert.ok(again)
})

test('a swap of which nobody knows whether it was done is never done late', async () => {
  await using cluster = new TestCluster()
  const [one] = await twoHosts(cluster)
  const term = await cluster.place('demo', { primary: 'one', ...both })
  await heard(one, term)
  const swap = one.coordinator.swap.bind(one.coordinator)
  const late: (readonly Swap[])[] = []
  one.coordinator.swap = async (parts) => {
    const isHandover = parts.length > 1
    if (!isHandover || late.length > 0) return await swap(parts)
    late.push(parts)
    throw new CoordinatorError('No answer.', { mayBeDone: true })
  }
  await heard(one, await cluster.place('demo', { primary: 'one', ...both, next: 'two', term }))
  await until(
    'it is handed over at the second attempt',
    async () => (await recordOf(cluster, 'demo')).primary === 'two',
  )
  assert.equal(late.length, 1)
  assert.equal((await cluster.operator.swap(late[0]!)).isDone, false)
})

test('a host that leaves says so, and waits until all of its slots are handed over', async () => {
  await using cluster = new TestCluster()
  const [one, two] = await twoHosts(cluster)
  await heard(one, await cluster.place('demo', { primary: 'one', ...both }))
  let hasLeft = false
  const left = one.cluster.leave(60_000, never).then(() => (hasLeft = true))
  await until('the others know', () => two.cluster.status.others.some(({ isLeaving }) => isLeaving))
  using tenure = await one.cluster.placement.admit(push, undefined, never)
  assert.ok(tenure)
  tenure[Symbol.dispose]()
  assert.equal(hasLeft, false)
  await cluster.place('demo', { primary: 'one', ...both, next: 'two' })
  await left
  assert.equal((await recordOf(cluster, 'demo')).primary, 'two')
})

test('leaving does not wait where nobody can take the slots, the time is over, or it is to hurry', async () => {
  await using cluster = new TestCluster()
  const alone = await cluster.join('one', { ttl: 60_000 })
  await heard(alone, await cluster.place('demo', { primary: 'one' }))
  await alone.cluster.leave(60_000, never)
  await cluster.join('idle', { weight: 0, ttl: 60_000 })
  await until('it is known', () => alone.cluster.status.others.length === 1)
  await alone.cluster.leave(60_000, never)
  const [first, second] = [await cluster.join('two', { ttl: 60_000 }), await cluster.join('three', { ttl: 60_000 })]
  await heard(first, await cluster.place('other', { primary: 'two' }))
  await until('all are known', () => first.cluster.status.others.length === 3)
  const hurry = new AbortController()
  const left = first.cluster.leave(60_000, hurry.signal)
  await until('it leaves', () =>
    second.cluster.status.others.some(({ name, isLeaving }) => name === 'two' && isLeaving),
  )
  hurry.abort()
  await left
  await heard(second, await cluster.place('third', { primary: 'three' }))
  await second.cluster.leave(50, never)
  assert.ok(second.lines.some(({ msg }) => /stops with slots/.test(String(msg))))
})

test('a slot that pushes run in is open again while gateways still hold those that it turned away', async () => {
  assert.deepEqual([0, 4000, 6000, 20_000, 60_000].map(longestWaitFor), [0, 0, 1000, 15_000, 30_000])
  await using cluster = new TestCluster()
  const [one] = await twoHosts(cluster, longestWaitFor(5100))
  const term = await cluster.place('demo', { primary: 'one', ...both })
  await heard(one, term)
  using running = await one.cluster.placement.admit(push, term, never)
  assert.ok(running)
  await cluster.place('demo', { primary: 'one', ...both, next: 'two', term })
  await until('it to be given up', () => one.lines.some(({ why }) => why === 'pushes still run in it'))
  using held = await until('the slot to be open', () =>
    one.cluster.placement.admit(push, term, never).catch(() => undefined),
  )
  assert.ok(held)
  assert.equal((await recordOf(cluster, 'demo')).primary, 'one')
})

test('a record that comes while an older one is given up is gone by', async () => {
  await using cluster = new TestCluster()
  const [one] = await twoHosts(cluster)
  const term = await cluster.place('demo', { primary: 'one', ...both })
  await heard(one, term)
  const swap = one.coordinator.swap.bind(one.coordinator)
  let failed = 0
  one.coordinator.swap = async (parts) => {
    if (parts.length === 1 || failed === 3) return await swap(parts)
    const last = ++failed === 3 && (await cluster.place('demo', { primary: 'one', ...both, next: 'two', term }))
    if (last !== false) await heard(one, last)
    return { isDone: false, revision: 0 }
  }
  await cluster.place('demo', { primary: 'one', ...both, next: 'two', term })
  await until('it is handed over', async () => (await recordOf(cluster, 'demo')).primary === 'two')
  assert.equal(failed, 3)
})
