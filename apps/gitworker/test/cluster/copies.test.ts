import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slotCount } from '@sluice/shared/placement/slot'
import { until } from '@sluice/shared/testing/until'
import { keys, TestCluster } from '../support/cluster-host.ts'
import type { TestHost } from '../support/cluster-host.ts'

/** For so long, hosts are the same before slots are given to them. */
const settleMs = 1000

/** How many slots are read from so many hosts. */
function readFrom({ cluster }: TestHost, hosts: number): number {
  return cluster.view.slots.filter((slot) => slot && new Set(slot.inSync).size === hosts).length
}

test('the first host sets the number of copies, and the line that another one is told changes it for all', async () => {
  await using cluster = new TestCluster()
  const hosts: TestHost[] = []
  for (const [name, copies] of [
    ['one', 1],
    ['two', 2],
    ['three', 1],
  ] as const) {
    const host = cluster.open(name, { copies, ttl: settleMs })
    await host.cluster.agree()
    await host.cluster.join(`${name}.test:3000`)
    hosts.push(host)
  }
  const [one, two, three] = hosts as [TestHost, TestHost, TestHost]
  await until('each slot to have one copy', () => readFrom(two, 1) === slotCount)
  const allKnow = (copies: number) => hosts.every((host) => host.cluster.view.format?.copies === copies)
  await until('all to know the number of copies', () => allKnow(1))
  const told = (host: TestHost) => host.lines.map(({ msg }) => String(msg)).filter((msg) => /SLUICE_COPIES/.test(msg))
  assert.deepEqual([told(one), told(three)], [[], []])
  assert.match(
    told(two).join('\n'),
    /^SLUICE_COPIES=2: this cluster was begun with 1, and that counts\. Set SLUICE_COPIES=1/,
  )
  const [, key, value] = /etcdctl put (\S+) '(.*)'$/.exec(told(two)[0]!)!
  await cluster.operator.swap([{ key: key!, expected: undefined, value: value! }])
  assert.equal(key, keys.format)
  await until('each slot to have two copies', () => readFrom(one, 2) === slotCount)
  await until('all to know of it', () => allKnow(2))
  await cluster.operator.swap([
    { key: keys.format, expected: undefined, value: value!.replace('"copies":2', '"copies":1') },
  ])
  await until('each slot to have one copy again', () => readFrom(one, 1) === slotCount)
})

test('each host says in its view that the format is damaged, and what it was', async () => {
  await using cluster = new TestCluster()
  const hosts = [cluster.open('one'), cluster.open('two')]
  for (const { name, cluster: host } of hosts) {
    await host.agree()
    await host.join(`${name}.test:3000`)
  }
  const put = (value: string) => cluster.operator.swap([{ key: keys.format, expected: undefined, value }])
  const last = '{"version":1,"slots":4096,"storage":"shared","copies":2}'
  await put(last)
  await until('it to be seen', () => hosts.every((host) => host.cluster.view.format?.copies === 2))
  assert.ok(hosts.every((host) => host.cluster.view.formatProblem === undefined))
  await put('{')
  await until('it to be seen', () => hosts.every((host) => host.cluster.view.formatProblem !== undefined))
  for (const { cluster: host } of hosts) {
    const { formatProblem } = host.view
    assert.match(formatProblem!, /^\/sluice\/format in etcd is damaged/)
    assert.ok(formatProblem?.endsWith(`It was: etcdctl put /sluice/format '${last}'`), formatProblem)
  }
})
