import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '@sluice/shared/config/config-error'
import { readHostRecord } from '@sluice/shared/placement/host-record'
import { until } from '@sluice/shared/testing/until'
import { heard, keys, TestCluster } from '../support/cluster-host.ts'

function says(pattern: RegExp, mayHeal = false) {
  return (error: unknown) => error instanceof ConfigError && pattern.test(error.message) && error.mayHeal === mayHeal
}

async function recordsIn(cluster: TestCluster) {
  const { entries } = await cluster.operator.read(keys.hosts)
  return entries.map(({ key, value }) => [key.slice(keys.hosts.length), readHostRecord(value)?.run])
}

test('the first host says what the cluster is, and others must mean the same', async () => {
  await using cluster = new TestCluster()
  await cluster.open('one').cluster.agree()
  await cluster.open('two').cluster.agree()
  await assert.rejects(
    cluster.open('three', { storage: 'own' }).cluster.agree(),
    says(/SLUICE_STORAGE=own: this cluster was begun with SLUICE_STORAGE=shared/),
  )
  const others: [string, RegExp][] = [
    ['{"version":2,"slots":4096,"storage":"shared","copies":1}', /format 2.*Upgrade this host/],
    ['{"version":0}', /format 0.*Upgrade the other hosts first/],
    ['{"version":1,"slots":64,"storage":"shared","copies":1}', /64 slots/],
    ['hello', /not from Sluice: "hello"/],
    ['[]', /not from Sluice/],
    ['null', /not from Sluice/],
  ]
  for (const [value, words] of others) {
    await cluster.operator.swap([{ key: keys.format, expected: undefined, value }])
    await assert.rejects(cluster.open('four').cluster.agree(), says(words), value)
  }
})

test('the second host of a name waits for a lease, and refuses to start', async () => {
  await using cluster = new TestCluster()
  const first = await cluster.join('one')
  await assert.rejects(
    cluster.join('one', { ttl: 1000 }),
    says(/a host of this name lives already, at one\.test:3000/, true),
  )
  assert.deepEqual(await recordsIn(cluster), [['one', first.run]])
  assert.ok(first.cluster.placement.isLive)
})

test('a host that was killed is no obstacle to the next process of its name', async () => {
  await using cluster = new TestCluster()
  const killed = await cluster.join('one')
  const { id } = killed.cluster.status.lease!
  await killed.coordinator[Symbol.asyncDispose]()
  const next = cluster.open('one')
  let looks = 0
  const read = next.coordinator.read.bind(next.coordinator)
  next.coordinator.read = async (prefix) => {
    looks++
    return await read(prefix)
  }
  const joining = next.cluster.join('one.test:3000')
  await until('it to see who has its name', () => looks > 1)
  assert.equal(next.cluster.hasJoined, false)
  cluster.store.endLease(id)
  await joining
  assert.deepEqual(await recordsIn(cluster), [['one', next.run]])
})

test('a host that leaves is gone at once', async () => {
  await using cluster = new TestCluster()
  const one = await cluster.join('one', { ttl: 60_000 })
  assert.equal((await recordsIn(cluster)).length, 1)
  await one[Symbol.asyncDispose]()
  assert.deepEqual(await recordsIn(cluster), [])
})

test('a host whose lease was ended by an operator, or its record deleted, joins again with another lease', async () => {
  await using cluster = new TestCluster()
  const one = await cluster.join('one', { ttl: 60_000 })
  const leases = [one.cluster.status.lease?.id]
  cluster.store.endLease(leases[0]!)
  await until('another lease', () => one.cluster.placement.isLive && one.cluster.status.lease?.id !== leases[0])
  leases.push(one.cluster.status.lease?.id)
  await cluster.operator.swap([{ key: keys.host('one'), expected: undefined, value: undefined }])
  await until('a third lease', () => one.cluster.placement.isLive && !leases.includes(one.cluster.status.lease?.id))
  assert.deepEqual(await recordsIn(cluster), [['one', one.run]])
})

test('a host that slept while another process got its name serves nothing, and comes back when that one is gone', async () => {
  await using cluster = new TestCluster()
  const sleeper = await cluster.join('one')
  sleeper.coordinator.isAway = true
  sleeper.coordinator.lapse()
  const other = await cluster.join('one')
  sleeper.coordinator.isAway = false
  await until('it says why', () => sleeper.lines.some(({ why }) => /another host has its name/.test(String(why))))
  assert.equal(sleeper.cluster.placement.isLive, false)
  await heard(other, await cluster.place('demo', { primary: 'one' }))
  await other[Symbol.asyncDispose]()
  await until('it is back', () => sleeper.cluster.placement.isLive)
  assert.deepEqual(await recordsIn(cluster), [['one', sleeper.run]])
})

test('a host serves only what it has read after it has joined', async () => {
  await using cluster = new TestCluster()
  const one = await cluster.join('one')
  await heard(one, await cluster.place('demo', { primary: 'one' }))
  assert.ok(one.cluster.placement.isPrimary('demo'))
  one.coordinator.isAway = true
  one.coordinator.lapse()
  assert.deepEqual(await recordsIn(cluster), [])
  await cluster.place('demo', { primary: 'two' })
  one.coordinator.isAway = false
  await until('it is back', () => one.cluster.placement.isLive)
  assert.equal(one.cluster.placement.isPrimary('demo'), false)
})

test('a start waits for a coordinator that comes late, and not for ever', async () => {
  await using cluster = new TestCluster()
  const late = cluster.open('late')
  late.coordinator.isAway = true
  const agreed = late.cluster.agree()
  setTimeout(() => (late.coordinator.isAway = false), 300)
  await agreed
})
