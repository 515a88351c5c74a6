import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { failing, keys, misplaced, playedCluster, recordOf } from './played-cluster.ts'

/** Which host a request goes to, and what becomes of it where hosts are away, refuse, or change. */

describe('a gateway before several hosts', { concurrency: true }, () => {
  test('pushes go to the primary with the term of the slot, and what a name ends with makes no difference', async () => {
    await using cluster = await playedCluster()
    const [one, two] = [await cluster.host('host-1'), await cluster.host('host-2')]
    const term = await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    for (const name of ['r', 'r.git', 'r/.git', 'r.git.git']) assert.equal((await cluster.push(name)).body, 'host-1')
    assert.deepEqual(
      one.requests.map(({ headers }) => headers['sluice-term']),
      Array(4).fill(String(term)),
    )
    assert.equal(two.requests.length, 0)
    const later = await cluster.keep('r', { primary: 'host-2', inSync: ['host-1', 'host-2'] })
    await until('the push to go to the new primary', async () => (await cluster.push('r')).body === 'host-2')
    assert.equal(two.requests[0]?.headers['sluice-term'], String(later))
  })

  test('reads of one source go to one copy, and those of many sources to all that are in sync', async () => {
    await using cluster = await playedCluster({ SLUICE_TRUSTED_PROXIES: '127.0.0.1' })
    for (const name of ['host-1', 'host-2', 'host-3']) await cluster.host(name)
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    const seen = new Map<string, number>()
    for (let source = 0; source < 40; source++) {
      const from = { 'X-Forwarded-For': `192.0.2.${source}` }
      const { body } = await cluster.fetch('r', from)
      for (let step = 0; step < 2; step++) assert.equal((await cluster.fetch('r.git', from)).body, body)
      seen.set(body, (seen.get(body) ?? 0) + 1)
    }
    assert.deepEqual([...seen.keys()].toSorted(), ['host-1', 'host-2'])
    for (const count of seen.values()) assert.ok(count > 5, `${count} of 40`)
  })

  test('a read goes to the next copy at once, whatever is wrong with the first, and a push does not', async () => {
    for (const wrong of ['away', 'cuts', 'misplaced', 'no_lease', 'no_worker', 'internal', 'draining'] as const) {
      await using cluster = await playedCluster()
      const hosts = [await cluster.host('host-1'), await cluster.host('host-2')]
      await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
      await until('the table', async () => (await cluster.fetch('r')).status === 200)
      const first = hosts.find(({ requests }) => requests.length > 0)!
      const other = hosts.find((host) => host !== first)!
      if (wrong === 'away') first.stop()
      else if (wrong === 'cuts') first.answer = ({ socket }) => void socket.destroy()
      else if (wrong === 'misplaced') first.answer = misplaced
      else if (wrong === 'no_lease') {
        first.answer = (_, outgoing) => {
          outgoing.writeHead(503, { 'Sluice-Reason': wrong, 'Sluice-Not-Begun': 'yes' }).end()
        }
      } else first.answer = failing(wrong)
      const { status, body } = await cluster.fetch('r')
      assert.deepEqual([status, body], [200, other.name], wrong)
    }
  })

  test('where the last copy fails, too, its own refusal reaches the client', async () => {
    await using cluster = await playedCluster()
    for (const name of ['host-1', 'host-2']) await cluster.host(name, failing('no_worker'))
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    const { status, headers } = await cluster.fetch('r')
    assert.deepEqual([status, headers['sluice-reason']], [503, 'no_worker'])
  })

  test('a host that fails again and again gets few requests, and all fail only where all copies do', async () => {
    await using cluster = await playedCluster({ SLUICE_TRUSTED_PROXIES: '127.0.0.1' })
    const bad = await cluster.host('host-1', failing('internal', 500))
    await cluster.host('host-2')
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    for (let source = 0; source < 100; source++) {
      assert.equal((await cluster.fetch('r', { 'X-Forwarded-For': `192.0.2.${source}` })).body, 'host-2')
    }
    assert.ok(bad.requests.length < 20, `${bad.requests.length} requests`)
  })

  test('a push waits for another primary while its own is gone, and goes there whole', async () => {
    await using cluster = await playedCluster()
    const [one, two] = [await cluster.host('host-1'), await cluster.host('host-2')]
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    one.stop()
    const body = Buffer.alloc(1_000_000, 'x')
    two.answer = (incoming, outgoing) => {
      let bytes = 0
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
      incoming.on('end', () => outgoing.end(String(bytes)))
    }
    const pushed = cluster.push('r', body)
    await cluster.held(1)
    await cluster.unlist(one)
    await cluster.held(1)
    await cluster.keep('r', { primary: 'host-2' })
    assert.equal((await pushed).body, '1000000')
    assert.equal(one.requests.length, 0)
  })

  test('a push that a host says is not its own waits for newer news, and asks again after a while', async () => {
    await using cluster = await playedCluster()
    const [one, two] = [await cluster.host('host-1', misplaced), await cluster.host('host-2')]
    await cluster.keep('r', { primary: 'host-1' })
    const pushed = cluster.push('r')
    await until('it to be asked again, without news', () => one.requests.length > 1)
    await cluster.keep('r', { primary: 'host-2' })
    assert.equal((await pushed).body, 'host-2')
    assert.equal(two.requests.length, 1)
  })

  test('a push that a host may have begun is not sent to another', async () => {
    await using cluster = await playedCluster()
    const [one, two] = [await cluster.host('host-1'), await cluster.host('host-2')]
    one.answer = ({ socket }) => void socket.destroy()
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    assert.deepEqual([(await cluster.push('r')).status, two.requests.length], [502, 0])
  })

  test('what cannot be served is refused in words that name what is down', async () => {
    await using cluster = await playedCluster({ SLUICE_HOST_WAIT: '300ms' })
    assert.match((await cluster.fetch('r')).body, /does not know yet/)
    const one = await cluster.host('host-1')
    await cluster.keep('r', { primary: 'host-7', inSync: ['host-7', 'host-8'] })
    await cluster.keep('other', { primary: undefined, inSync: [] })
    const push = await cluster.push('r')
    assert.deepEqual([push.status, push.headers['retry-after'], push.headers['sluice-reason']], [503, '1', 'slot_down'])
    assert.match(push.body, /The hosts that keep this repository, host-7 and host-8, are down\./)
    assert.match((await cluster.fetch('r')).body, /The hosts that keep this repository, host-7 and host-8, are down\./)
    await cluster.keep('r', { primary: 'host-7', inSync: ['host-7', 'host-1'] })
    assert.match((await cluster.push('r')).body, /The host that keeps this repository, host-7, is down\./)
    assert.match((await cluster.push('other')).body, /No host takes pushes/)
    assert.match((await cluster.push('nowhere')).body, /No host takes pushes/)
    await cluster.keep('r', { primary: 'host-1' })
    one.stop()
    await until('it to be tried', async () => /host-1, is not answering/.test((await cluster.push('r')).body))
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-8'] })
    assert.match((await cluster.fetch('r')).body, /host-1, is not answering, and host-8 is down\./)
  })

  test('while etcd is away, requests go on with the last table, and the gateway says so', async () => {
    await using cluster = await playedCluster()
    await cluster.host('host-1')
    await cluster.keepAll(() => ({ primary: 'host-1' }))
    await until('it to be ready', async () => (await cluster.ready()).checks['host'] === 'ok')
    cluster.coordinator.isAway = true
    await until('it to notice', async () => (await cluster.ready()).checks['etcd'] !== undefined)
    const { status, checks } = await cluster.ready()
    assert.equal(status, 200)
    assert.match(checks['etcd']!, /^etcd has not answered for \d+ s: .*cannot be reached/)
    assert.equal((await cluster.push('r')).body, 'host-1')
    const page = await ask(cluster.operations, '/-/cluster.json')
    const seen = JSON.parse(page.body) as ClusterStatus
    assert.deepEqual([seen.by.app, seen.slots.counts.kept, seen.hosts[0]?.isLive], ['gateway', 4096, true])
    assert.ok(seen.awayForMs > 0)
    assert.ok(cluster.lines.some(({ msg }) => /this gateway goes on with what it knows/.test(String(msg))))
    cluster.coordinator.isAway = false
    await until('it to notice', async () => (await cluster.ready()).checks['etcd'] === undefined)
  })

  test('a gateway that starts while etcd is away is not ready, and holds requests until it knows', async () => {
    await using cluster = await playedCluster({}, true)
    await cluster.host('host-1')
    await cluster.keepAll(() => ({ primary: 'host-1' }))
    const pushed = cluster.push('r')
    await cluster.held(1)
    const { status, checks } = await cluster.ready()
    assert.equal(status, 503)
    assert.match(checks['host']!, /etcd has not/)
    cluster.coordinator.isAway = false
    assert.equal((await pushed).body, 'host-1')
    assert.equal((await cluster.ready()).status, 200)
  })

  test('a host that moves to another address is reached there, and what is not valid is as if it were not there', async () => {
    await using cluster = await playedCluster()
    const [one, other] = [await cluster.host('host-1'), await cluster.host('other', undefined, false)]
    await cluster.keep('r', { primary: 'host-1' })
    assert.equal((await cluster.push('r')).body, 'host-1')
    one.stop()
    const pushed = cluster.push('r')
    await cluster.held(1)
    for (const value of ['{', '{}', recordOf('nowhere'), recordOf('127.0.0.1:1')]) {
      await cluster.put(keys.host('host-1'), value)
      await cluster.put(keys.host('-Bad-'), value)
    }
    await cluster.held(1)
    await cluster.put(keys.host('host-1'), recordOf(other.address))
    assert.equal((await pushed).body, 'other')
    assert.ok(cluster.lines.some(({ msg }) => /values in etcd are not valid/.test(String(msg))))
  })

  test('a host that leaves the cluster is not waited for where its answer has not begun', async () => {
    await using cluster = await playedCluster()
    const hosts = [await cluster.host('host-1'), await cluster.host('host-2')]
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    await until('the table', async () => (await cluster.fetch('r')).status === 200)
    const first = hosts.find(({ requests }) => requests.length > 0)!
    let cut = () => {}
    first.answer = ({ socket }) => (cut = () => socket.destroy())
    const asked = cluster.fetch('r')
    await until('the request', () => first.requests.length === 2)
    // It answers nobody any more, and its connections stay as they are.
    const { promise: never } = Promise.withResolvers<void>()
    first.trusted = async () => await never
    await cluster.unlist(first)
    assert.notEqual((await asked).body, first.name)
    cut()
  })

  test('a host that falls silent is passed over where another copy can answer', async () => {
    await using cluster = await playedCluster()
    const hosts = [await cluster.host('host-1'), await cluster.host('host-2')]
    await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
    await until('the table', async () => (await cluster.fetch('r')).status === 200)
    const first = hosts.find(({ requests }) => requests.length > 0)!
    const other = hosts.find((host) => host !== first)!
    // One that only takes its time is waited for.
    first.answer = (_, outgoing) => void setTimeout(() => outgoing.end('late'), 2500)
    assert.equal((await cluster.fetch('r')).body, 'late')
    first.answer = () => {}
    first.trusted = async () => await Promise.reject(new Error('silent'))
    assert.equal((await cluster.fetch('r')).body, other.name)
  })

  test('a gateway that reaches less than half of what lives is not ready; what is gone for all is no reason', async () => {
    await using cluster = await playedCluster({ SLUICE_HOST_WAIT: '0s' })
    const hosts = [await cluster.host('host-1'), await cluster.host('host-2'), await cluster.host('host-3')]
    await cluster.keepAll((slot) => ({ primary: `host-${(slot % 3) + 1}` }))
    await until('it to be ready', async () => (await cluster.ready()).checks['host'] === 'ok')
    hosts[0]!.stop()
    await until('it to notice', async () => /^66% .*host-1: /.test((await cluster.ready()).checks['host']!))
    assert.equal((await cluster.ready()).status, 200)
    hosts[1]!.stop()
    await until('it to be unready', async () => (await cluster.ready()).status === 503)
    await cluster.unlist(hosts[0]!)
    await cluster.unlist(hosts[1]!)
    await until('it to be ready again', async () => (await cluster.ready()).status === 200)
    assert.match((await cluster.ready()).checks['host']!, /^33% of all .*host-1: it is gone/)
    hosts[2]!.stop()
    await cluster.unlist(hosts[2]!)
    await until('it to be unready', async () => (await cluster.ready()).status === 503)
  })
})
