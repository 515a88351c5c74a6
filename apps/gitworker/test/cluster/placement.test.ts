import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { isNotBegun, toldSlotOf } from '@sluice/shared/host-protocol/from-host'
import { slotOf } from '@sluice/shared/placement/slot'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { until } from '@sluice/shared/testing/until'
import { heard, TestCluster } from '../support/cluster-host.ts'
import type { TestHost } from '../support/cluster-host.ts'

const never = new AbortController().signal

function request(service: GitRequest['service'], kind: GitRequest['kind'] = 'rpc'): GitRequest {
  return { kind, service, repository: 'demo.git', protocol: undefined, version: 0 }
}

const push = request('receive-pack')
const fetch = request('upload-pack')

function admit({ cluster }: TestHost, asked: GitRequest, term?: number, signal = never) {
  return cluster.placement.admit(asked, term, signal)
}

function refused(reason: string) {
  return (error: unknown) => error instanceof Refusal && error.reason === reason && isNotBegun(error.headers)
}

test('the primary serves pushes and reads, a copy in sync reads, another host nothing', async () => {
  await using cluster = new TestCluster()
  const [one, two, three] = [await cluster.join('one'), await cluster.join('two'), await cluster.join('three')]
  const term = await cluster.place('demo', { primary: 'one', copies: ['one', 'two', 'three'], inSync: ['one', 'two'] })
  await Promise.all([one, two, three].map((host) => heard(host, term)))
  using tenure = await admit(one, push, term)
  assert.equal(tenure?.isLive, true)
  assert.equal(await admit(one, request('receive-pack', 'advertisement'), term), undefined)
  for (const host of [one, two]) assert.equal(await admit(host, fetch, term), undefined)
  await assert.rejects(admit(two, push, term), refused('misplaced'))
  await assert.rejects(admit(two, request('receive-pack', 'advertisement'), term), refused('misplaced'))
  await assert.rejects(admit(three, fetch, term), refused('misplaced'))
  // Nobody keeps this one.
  await assert.rejects(admit(one, { ...fetch, repository: 'other' }), refused('misplaced'))
  assert.deepEqual(three.cluster.status.refused, { misplaced: 1 })
})

test('a gateway is told who serves a slot, as far as the host has heard', async () => {
  await using cluster = new TestCluster()
  const [one, two] = [await cluster.join('one'), await cluster.join('two')]
  const term = await cluster.place('demo', { primary: 'two', copies: ['two', 'gone'], inSync: ['two', 'gone'] })
  await heard(one, term)
  await until('the host to hear of the other', () => one.cluster.view.hosts.has('two'))
  const told = async (known: number | undefined) => {
    const refusal = await admit(one, push, known).then(
      () => assert.fail('It was admitted.'),
      (error: unknown) => error as Refusal,
    )
    assert.equal(refusal.reason, 'misplaced')
    return toldSlotOf(refusal.headers)
  }
  const { record, revision, hosts } = (await told(1))!
  assert.deepEqual([record.primary, record.term, revision, [...hosts.keys()]], ['two', term, term, ['two']])
  assert.equal(hosts.get('two')?.record.address, 'two.test:3000')
  // Nobody but a gateway of the cluster is told.
  assert.equal(await told(undefined), undefined)
  // It knows less than the gateway, or nothing.
  one.coordinator.isAway = true
  const later = await cluster.place('demo', { primary: 'two' })
  await heard(two, later)
  assert.equal(await told(later), undefined)
  await assert.rejects(admit(one, { ...push, repository: 'other' }, 1), (error: Refusal) => !toldSlotOf(error.headers))
})

test('a host waits for a change that the gateway has heard of first, and refuses if it does not come', async () => {
  await using cluster = new TestCluster()
  const [one, two] = [await cluster.join('one'), await cluster.join('two')]
  await heard(one, await cluster.place('demo', { primary: 'two' }))
  one.coordinator.isAway = true
  const term = await cluster.place('demo', { primary: 'one' })
  await heard(two, term)
  await assert.rejects(admit(one, push, term), refused('misplaced'))
  const waiting = admit(one, push, term)
  one.coordinator.isAway = false
  using tenure = await waiting
  assert.ok(tenure)
  // A gateway that is late is no reason to refuse what is surely right.
  using late = await admit(one, push, 1)
  assert.ok(late)
  const gone = new AbortController()
  gone.abort(new Refusal('client_gone'))
  await assert.rejects(admit(one, push, term + 1000, gone.signal), { reason: 'client_gone' })
})

test('a host whose lease is not surely live takes no pushes, and again when it is', async () => {
  await using cluster = new TestCluster()
  const one = await cluster.join('one')
  await heard(one, await cluster.place('demo', { primary: 'one' }))
  using tenure = await admit(one, push)
  assert.equal(one.cluster.problem, undefined)
  one.coordinator.isAway = true
  // The store ends the lease, so it is another one when the host is back.
  one.coordinator.lapse()
  for (const asked of [push, request('receive-pack', 'advertisement')]) {
    await assert.rejects(admit(one, asked), refused('no_lease'))
  }
  assert.equal(await admit(one, fetch), undefined)
  assert.match(one.cluster.problem ?? '', /no lease/)
  one.coordinator.isAway = false
  await until('the host to be back', () => one.cluster.placement.isLive)
  assert.equal(await admit(one, fetch), undefined)
  // Another host may have been the primary in between.
  assert.equal(tenure?.isLive, false)
  await assert.rejects(async () => tenure?.confirm(never), { reason: 'term_over' })
  await assert.rejects(async () => tenure?.begin(never), { reason: 'term_over', message: /./ })
})

test('a push is confirmed by a lease that was in doubt and is renewed, and not in another term', async () => {
  await using cluster = new TestCluster()
  const one = await cluster.join('one')
  await heard(one, await cluster.place('demo', { primary: 'one' }))
  using tenure = await admit(one, push)
  await tenure?.confirm(never)
  await heard(one, await cluster.place('demo', { primary: 'two' }))
  await assert.rejects(async () => tenure?.confirm(never), { reason: 'term_over' })
  await heard(one, await cluster.place('demo', { primary: 'one' }))
  await assert.rejects(async () => tenure?.confirm(never), { reason: 'term_over' })
})

test('when etcd was restored, a host goes by what is there now, and joins anew', async () => {
  await using cluster = new TestCluster()
  const one = await cluster.join('one')
  await cluster.place('other', { primary: 'one' })
  await heard(one, await cluster.place('demo', { primary: 'one' }))
  const restore = cluster.store.save()
  await heard(one, await cluster.place('demo', { primary: 'two' }))
  using tenure = await admit(one, { ...push, repository: 'other' })
  await assert.rejects(admit(one, push), refused('misplaced'))
  restore()
  await until('the host to be primary again', async () => await admit(one, push).catch(() => undefined))
  // Another host may have been told that it is the primary: what began before is over.
  await until('it has another lease', () => !tenure?.isLive && one.cluster.placement.isLive)
  await assert.rejects(async () => tenure?.confirm(never), { reason: 'term_over' })
  assert.ok(one.lines.some(({ msg }) => /etcd has gone back/.test(String(msg))))
})

test('a value that is not valid is nobody’s, is told in the log, and harms no other slot', async () => {
  await using cluster = new TestCluster()
  const one = await cluster.join('one')
  await heard(one, await cluster.place('demo', { primary: 'one' }))
  for (const value of ['', '{', 'null', '{"primary":"one"}', JSON.stringify({ primary: 7 }), 'x'.repeat(100_000)]) {
    await heard(one, await cluster.write(slotOf('demo'), value))
    await assert.rejects(admit(one, push), refused('misplaced'), value.slice(0, 40))
  }
  await cluster.write(9999, 'x')
  await heard(one, await cluster.place('demo', { primary: 'one' }))
  using tenure = await admit(one, push)
  assert.ok(tenure)
  const told = one.lines.filter(({ msg }) => /not valid/.test(String(msg)))
  assert.equal(told.length, 6)
})

test('with too few copies in sync and up, pushes are refused for good, and reads go on', async () => {
  await using cluster = new TestCluster()
  const own = { storage: 'own', copies: 2, minInSync: 2 } as const
  const [one, two] = [await cluster.join('one', own), await cluster.join('two', own)]
  const both = { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'] }
  const term = await cluster.place('demo', both)
  await heard(one, term)
  await until('the host to hear of the other', () => one.cluster.view.hosts.has('two'))
  using tenure = await admit(one, push, term)
  assert.equal(tenure?.isLive, true)
  const tooFew = (error: unknown) =>
    error instanceof Refusal && error.reason === 'too_few_copies' && !isNotBegun(error.headers)
  await two[Symbol.asyncDispose]()
  await until('the host to hear of its end', () => !one.cluster.view.hosts.has('two'))
  await assert.rejects(admit(one, push, term), tooFew)
  assert.equal(await admit(one, fetch, term), undefined)
  await heard(one, await cluster.place('demo', { ...both, inSync: ['one'] }))
  await assert.rejects(admit(one, push), tooFew)
})
