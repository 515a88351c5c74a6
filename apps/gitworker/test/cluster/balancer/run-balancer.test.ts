import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { slotCount } from '@sluice/shared/placement/slot'
import { until } from '@sluice/shared/testing/until'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'
import { LiveCluster } from './live-cluster.ts'

function isEven(cluster: LiveCluster): boolean {
  const counts = cluster.primaries()
  const share = slotCount / cluster.hosts.size
  const isFair = [...cluster.hosts.keys()].every((name) => Math.abs((counts[name] ?? 0) - share) <= 1)
  return isFair && cluster.records().every(({ next, copies }) => next === null && copies.length === 1)
}

describe('the balancer', { concurrency: true }, () => {
  test('gives slots to hosts that start together without moving any, and then does nothing', async () => {
    await using cluster = new LiveCluster()
    await Promise.all(['a', 'b', 'c'].map((name) => cluster.join(name)))
    await until('all slots have a host', () => isEven(cluster))
    assert.equal(cluster.checkHistory(), 0)
    const { revision } = cluster.store.read(cluster.keys.slots)
    await cluster.put(cluster.keys.host('d'), 'nonsense')
    await until('the nonsense was seen', () =>
      cluster.balancer()?.lines.some(({ msg }) => /not understood/.test(String(msg))),
    )
    assert.ok(cluster.store.read(cluster.keys.slots).entries.every((entry) => entry.revision <= revision))
  })

  test('moves its share to a host that joins, and takes over what a dead one had', async () => {
    await using cluster = new LiveCluster()
    await cluster.join('a')
    await until('one host has all', () => cluster.primaries()['a'] === slotCount)
    await cluster.join('b')
    await until('both have as many', () => isEven(cluster))
    const moved = cluster.checkHistory()
    assert.ok(Math.abs(moved - slotCount / 2) <= 1, `${moved} moves`)
    const { lines } = cluster.hosts.get('b')!
    const before = lines.length
    await cluster.kill('a')
    await until('the other one has all', () => cluster.primaries()['b'] === slotCount)
    assert.equal(cluster.checkHistory(), slotCount)
    assert.ok(lines.length - before < 60, `${lines.length - before} lines`)
    assert.ok(lines.some(({ msg, slots }) => /is gone have another one/.test(String(msg)) && Number(slots) > 100))
  })

  test('empties a host that leaves, and says what is under way', async () => {
    await using cluster = new LiveCluster()
    const [a] = await Promise.all(['a', 'b'].map((name) => cluster.join(name)))
    await until('all slots have a host', () => isEven(cluster))
    a!.handsOver = false
    await a!.register({ isLeaving: true })
    // They come in swaps of fewer.
    const status = await until('as many moves as may be under way are shown', () => {
      const shown = cluster.hosts.get('b')!.balancer.status()
      assert.ok(shown.moves.length <= 128)
      return shown.moves.length === 128 && shown
    })
    assert.deepEqual({ from: status.moves[0]!.from, to: status.moves[0]!.to }, { from: 'a', to: 'b' })
    a!.handsOver = true
    await cluster.put(cluster.keys.slot(0), undefined)
    await cluster.kill('a')
    await until('the other one has all', () => cluster.primaries()['b'] === slotCount)
    cluster.checkHistory()
  })

  test('lets another host balance at once when it stops, and after its lease when it is cut off', async () => {
    await using cluster = new LiveCluster()
    await Promise.all(['a', 'b', 'c'].map((name) => cluster.join(name)))
    const first = await until('somebody balances', () => cluster.balancer())
    await first.balancer[Symbol.asyncDispose]()
    const second = await until('another one balances', () => {
      const now = cluster.balancer()
      return now !== first && now
    })
    second.coordinator.isAway = true
    await until('a third one balances', () => ![undefined, first, second].includes(cluster.balancer()))
    assert.ok(second.balancer.status().revision > 0)
    second.coordinator.isAway = false
    await until('all slots have a host', () => cluster.records().length === slotCount)
    cluster.checkHistory()
  })

  test('leaves alone what it cannot read, goes on with the rest, and says so', async () => {
    await using cluster = new LiveCluster('own')
    await Promise.all(['a', 'b'].map((name) => cluster.join(name)))
    await until('all slots have a host', () => cluster.records().length === slotCount)
    await cluster.put(cluster.keys.slot(7), '{"primary":"me"}')
    await cluster.put(cluster.keys.slot(8), undefined)
    await cluster.kill('a')
    const lost = cluster.records().filter(({ primary }) => primary === 'a').length
    const { balancer, lines } = cluster.hosts.get('b')!
    await until('it is said', () => lines.filter(({ msg }) => /are unavailable/.test(String(msg))).length >= 3)
    assert.equal(cluster.store.read(cluster.keys.slot(7)).entries[0]!.value, '{"primary":"me"}')
    // With disks of their own, hosts may have what was pushed, and another one of them would be its primary.
    assert.deepEqual(cluster.store.read(cluster.keys.slot(8)).entries, [])
    const { unavailable } = balancer.status()
    assert.match(unavailable.find(({ slots }) => slots === lost)!.why, /repositories are on a,/)
    const alone = unavailable.filter(({ slots }) => slots === 1).map(({ some }) => some)
    assert.deepEqual(alone, [[7], [8]])
    assert.equal(cluster.checkHistory(), 0)
  })

  test('does nothing in a cluster with a format that it does not know', async () => {
    await using cluster = new LiveCluster()
    await cluster.put(cluster.keys.format, JSON.stringify({ version: 2 }))
    const { lines } = await cluster.join('a')
    await until('it is said', () => lines.some(({ msg }) => /format in etcd is damaged, or another/.test(String(msg))))
    assert.deepEqual(cluster.records(), [])
  })

  test('writes a format that somebody has deleted again, as it was last, and goes on', async () => {
    await using cluster = new LiveCluster()
    const { keys, store } = cluster
    await Promise.all(['a', 'b'].map((name) => cluster.join(name)))
    await until('all slots have a host', () => isEven(cluster))
    await cluster.put(keys.format, '{"version":1,"slots":4096,"storage":"shared","copies":2}')
    await until('two copies', () => cluster.records().every(({ copies }) => copies.length === 2))
    const { value } = store.read(keys.format).entries[0]!
    await cluster.put(keys.format, undefined)
    await until('it to be there again', () => store.read(keys.format).entries[0]?.value === value)
    // Whoever has done it: on a busy machine, another one may balance by now.
    const said = () => [...cluster.hosts.values()].flatMap(({ lines }) => lines.map(({ msg }) => String(msg)))
    await until('it to be said', () => said().some((msg) => /gone: written again/.test(msg)))
    // With one folder for all, the table can be made anew, too.
    for (const { key } of store.read(keys.slots).entries) await cluster.put(key, undefined)
    await cluster.put(keys.format, undefined)
    await until('all slots to have a host again', () => cluster.records().length === slotCount)
    // What is damaged may be another version's, and stays until somebody has mended it.
    await cluster.put(keys.format, '{"version":1,')
    const told = await until('it to be said', () =>
      cluster.balancer()?.lines.find(({ msg }) => /format in etcd is damaged/.test(String(msg))),
    )
    await cluster.kill('a')
    const hosts = [...cluster.hosts.values()]
    await until('the other to balance', () => cluster.balancer() === hosts[0])
    assert.ok(hosts[0]!.balancer.observed.formatFault === 'foreign' && cluster.primaries()['a']! > 0)
    const [, key, advice] = /etcdctl put (\S+) '(.*)'$/.exec(String(told['msg']))!
    await cluster.put(key!, advice)
    await until('the other one to take over', () => cluster.primaries()['b'] === slotCount)
  })

  test('writes no format where etcd has lost the table of hosts with disks of their own', async () => {
    await using cluster = new LiveCluster('own')
    const { keys, store } = cluster
    const { lines } = await cluster.join('a')
    await until('it has all slots', () => cluster.primaries()['a'] === slotCount)
    await cluster.put(keys.format, undefined)
    await until('the format to be there again', () => store.read(keys.format).entries.length === 1)
    store.swap([{ key: keys.format, expected: undefined, value: 'damaged' }])
    await until('it to be said', () => lines.some(({ msg }) => /format in etcd is damaged/.test(String(msg))))
    for (const { key } of store.read(keys.slots).entries) await cluster.put(key, undefined)
    await cluster.put(keys.format, undefined)
    await until('it to be said', () => lines.some(({ msg }) => /format in etcd is missing/.test(String(msg))))
    assert.equal(store.read(keys.format).entries.length, 0)
  })

  for (const copies of [1, 2]) {
    const seed = testSeed(copies)
    test(`whoever comes, goes and is cut off, primaries change as they may (${copies} copies, seed ${seed})`, async () => {
      const random = new SeededRandom(seed)
      await using cluster = new LiveCluster('shared', copies)
      await cluster.join('host-0')
      await until('one host has all', () => cluster.records().length === slotCount)
      for (let event = 0; event < 12; event++) {
        const name = `host-${random.below(5)}`
        const host = cluster.hosts.get(name)
        if (!host) await cluster.join(name)
        else if (random.chance(0.4)) await cluster.kill(name)
        else if (random.chance(0.5)) {
          host.coordinator.isAway = !host.coordinator.isAway
          if (random.chance(0.5)) host.endLease()
        } else await host.register({ isLeaving: random.chance(0.5) }).catch(() => {})
        const { revision } = cluster.store.read('/')
        const wait = random.below(200)
        await until('changes, or some time', () => cluster.store.read('/').revision > revision + wait, 300).catch(
          () => {},
        )
      }
      await cluster.join('last')
      await until('each slot has a primary that lives', () => {
        const there = new Set(cluster.store.read(cluster.keys.hosts).entries.map(({ key }) => key))
        const records = cluster.records()
        return records.length === slotCount && records.every(({ primary }) => there.has(cluster.keys.host(primary!)))
      })
      cluster.checkHistory()
    })
  }
})
