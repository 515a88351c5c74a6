import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Watched } from '@sluice/shared/coordinator/coordinator'
import { writeHostRecord } from '@sluice/shared/placement/host-record'
import type { HostRecord } from '@sluice/shared/placement/host-record'
import { clusterKeys } from '@sluice/shared/placement/keys'
import type { Host } from '../../../src/cluster/balancer/decide/snapshot.ts'
import { restMs, takeBackAfterMs } from '../../../src/cluster/balancer/decide/limits.ts'
import { Calm } from '../../../src/cluster/balancer/observed/calm.ts'
import { HostHistory } from '../../../src/cluster/balancer/observed/host-history.ts'
import { ObservedCluster } from '../../../src/cluster/balancer/observed/observed-cluster.ts'
import { ObservedHosts } from '../../../src/cluster/balancer/observed/observed-hosts.ts'

const second = 1000
const minute = 60 * second

function record(changes: Partial<HostRecord> = {}): HostRecord {
  return { address: 'a:1', version: '1', weight: 100, zone: 'x', run: 'first', isLeaving: false, ...changes }
}

describe('a host', () => {
  test('is steady when it is seen first', () => {
    const host = new HostHistory()
    host.see(record(), 5)
    assert.deepEqual(host.at(5), { state: 'steady', weight: 100, zone: 'x' })
    assert.equal(host.changesAt(5), Infinity)
  })

  test('that dies is missing for a minute, and must then live for a while before it is steady', () => {
    const host = new HostHistory()
    host.see(record(), 0)
    host.lose(second)
    assert.equal(host.at(2 * second)?.state, 'missing')
    assert.equal(host.changesAt(2 * second), minute + second)
    assert.equal(host.at(minute + second), undefined)
    host.see(record({ run: 'second' }), 2 * minute)
    assert.equal(host.at(2 * minute)?.state, 'unsteady')
    assert.equal(host.changesAt(2 * minute), 2 * minute + 30 * second)
    assert.equal(host.at(2 * minute + 30 * second)?.state, 'steady')
  })

  test('that comes and goes each few seconds is never steady, and then after ten minutes at most', () => {
    const host = new HostHistory()
    host.see(record(), 0)
    let now = 0
    for (let times = 0; times < 200; times++) {
      host.lose((now += 5 * second))
      assert.equal(host.at(now)?.state, 'missing')
      host.see(record({ run: `${times}` }), (now += 5 * second))
      assert.equal(host.at(now)?.state, 'unsteady')
    }
    assert.equal(host.at(now + 9 * minute)?.state, 'unsteady')
    assert.equal(host.at(now + 10 * minute)?.state, 'steady')
  })

  test('that leaves is gone at once, and steady when it returns; not if it does so again and again', () => {
    const host = new HostHistory()
    const restart = (run: string, now: number) => {
      host.see(record({ run, isLeaving: true }), now)
      assert.equal(host.at(now)?.state, 'leaving')
      host.lose(now + second)
      assert.equal(host.at(now + second), undefined)
      host.see(record({ run: `${run} again` }), now + 2 * second)
      return host.at(now + 2 * second)?.state
    }
    assert.equal(restart('one', 0), 'steady')
    assert.equal(restart('one again', minute), 'unsteady')
  })

  test('that another process of its name replaces has gone in between', () => {
    const host = new HostHistory()
    host.see(record(), 0)
    host.see(record({ run: 'second' }), second)
    assert.equal(host.at(second)?.state, 'unsteady')
  })

  test('that says nothing readable lives', () => {
    const host = new HostHistory()
    host.see(record(), 0)
    host.see(undefined, second)
    assert.equal(host.at(second)?.state, 'unreadable')
    host.see(record(), second)
    assert.equal(host.at(second)?.state, 'steady')
  })
})

test('hosts that are gone are forgotten, and names that cannot be one are passed over', () => {
  const hosts = new ObservedHosts()
  hosts.see('Not/A/Name', writeHostRecord(record()), 0)
  assert.equal(hosts.at(0).size, 0)
  for (let at = 0; at < 3000; at++) {
    hosts.see(`host-${at}`, writeHostRecord(record()), at)
    hosts.see(`host-${at}`, undefined, at)
  }
  assert.ok(hosts.at(3000).size <= 1000)
  hosts.see('host-1', writeHostRecord(record()), 20 * minute)
  hosts.seeOnly(new Set(['host-1']), 20 * minute)
  assert.deepEqual([...hosts.at(20 * minute).keys()], ['host-1'])
})

describe('calm', () => {
  const hosts = (...names: string[]) =>
    new Map<string, Host>(names.map((name) => [name, { state: 'steady', weight: 1, zone: '' }]))

  test('comes when the steady hosts have been the same for a while', () => {
    const calm = new Calm(100)
    calm.see(hosts('a'), 1000)
    assert.equal(calm.isCalm(1099), false)
    calm.see(hosts('a', 'b'), 1050)
    assert.equal(calm.isCalm(1149), false)
    assert.equal(calm.changesAt(1149), 1150)
    calm.see(hosts('b', 'a'), 1149)
    assert.equal(calm.isCalm(1150), true)
    calm.see(hosts('a', 'b').set('c', { state: 'unsteady', weight: 1, zone: '' }), 2000)
    assert.equal(calm.isCalm(2000), true)
  })

  test('is not waited for without end', () => {
    const calm = new Calm(100)
    let now = 1000
    for (let count = 0; count < 5; count++) calm.see(hosts(`${count}`), (now += 90))
    calm.see(hosts('last'), 1540)
    assert.equal(calm.isCalm(1589), false)
    assert.equal(calm.isCalm(1590), true)
  })
})

describe('a cluster', () => {
  const keys = clusterKeys('/test/')
  const slot = { primary: 'a', copies: ['a', 'b'], inSync: ['a', 'b'], next: null, term: null }
  const all = (revision: number, values: Record<string, unknown>): Watched => ({
    kind: 'all',
    revision,
    entries: Object.entries(values).map(([key, value]) => ({ key, value: JSON.stringify(value), revision })),
  })
  const format = { [keys.format]: { version: 1, slots: 4096, storage: 'shared', copies: 1 } }

  test('is not known before the watch has brought it, nor without a format that is understood', async () => {
    const cluster = new ObservedCluster(keys, 100)
    assert.equal(cluster.snapshot(0), undefined)
    await cluster.see(all(1, {}), 0)
    assert.equal(cluster.snapshot(0), undefined)
    await cluster.see(all(2, { [keys.format]: { version: 99 } }), 0)
    assert.deepEqual([cluster.formatFault, cluster.snapshot(0)], ['foreign', undefined])
    await cluster.see(all(3, format), 0)
    assert.equal(cluster.snapshot(0)?.storage, 'shared')
  })

  test('loses after a gap what is not there any more', async () => {
    const cluster = new ObservedCluster(keys, 100)
    const host = { [keys.host('a')]: record() }
    await cluster.see(all(5, { ...format, ...host, [keys.slot(1)]: slot, [keys.slot(2)]: 5 }), 0)
    const before = cluster.snapshot(0)!
    assert.deepEqual(
      [before.slots[1]!.kind, before.slots[2]!.kind, before.slots[3]!.kind],
      ['placed', 'unreadable', 'new'],
    )
    await cluster.see(all(9, format), 1)
    const after = cluster.snapshot(1)!
    const kinds = after.slots.map(({ kind }) => kind)
    assert.deepEqual(kinds.slice(0, 4), ['new', 'lost', 'lost', 'new'])
    assert.ok(kinds.slice(4).every((kind) => kind === 'new'))
    assert.equal(after.hosts.get('a')?.state, 'missing')
    assert.equal(before.slots[1]!.kind, 'placed')
  })

  test('knows a slot whose key was deleted from one that nobody was ever told to keep', async () => {
    const cluster = new ObservedCluster(keys, 100)
    await cluster.see(all(5, { ...format, [keys.slot(1)]: slot }), 0)
    const changes = [1, 2].map((number) => ({ key: keys.slot(number), value: undefined, revision: 6 }))
    await cluster.see({ kind: 'changes', revision: 6, changes }, 0)
    const kinds = () =>
      cluster
        .snapshot(0)!
        .slots.slice(0, 3)
        .map(({ kind }) => kind)
    assert.deepEqual(kinds(), ['new', 'lost', 'new'])
    await cluster.see(all(7, { ...format, [keys.slot(1)]: slot }), 0)
    assert.deepEqual(kinds(), ['new', 'placed', 'new'])
  })

  test('remembers since when a slot is on its way, and lets it rest after that was taken back', async () => {
    const cluster = new ObservedCluster(keys, 100)
    await cluster.see(all(5, format), 0)
    const write = async (revision: number, value: unknown, now: number) => {
      const change = { key: keys.slot(1), value: JSON.stringify(value), revision }
      await cluster.see({ kind: 'changes', revision, changes: [change] }, now)
      const seen = cluster.snapshot(now)!.slots[1]!
      assert.ok(seen.kind === 'placed')
      return seen
    }
    await write(6, slot, 0)
    assert.equal((await write(7, { ...slot, next: 'b', term: 6 }, 1000)).nextSince, 1000)
    assert.equal(cluster.changesAt(1000), 1000 + takeBackAfterMs)
    assert.equal((await write(8, { ...slot, next: 'b', copies: ['a', 'b', 'c'], term: 6 }, 2000)).nextSince, 1000)
    assert.equal((await write(9, { ...slot, next: null, term: 6 }, 3000)).restsUntil, 3000 + restMs)
    assert.equal((await write(10, { ...slot, primary: 'b' }, 4000)).record.term, 10)
  })
})
