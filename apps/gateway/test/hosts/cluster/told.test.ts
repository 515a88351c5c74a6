import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { writeToldSlot } from '@sluice/shared/placement/told-slot'
import type { ToldHost } from '@sluice/shared/placement/told-slot'
import { until } from '@sluice/shared/testing/until'
import { misplaced, misplacedTelling, playedCluster } from './played-cluster.ts'
import type { PlayedHost } from './played-cluster.ts'

/** @param hosts those that the teller has heard of, at a revision */
function telling(primary: string, revision: number, hosts: Readonly<Record<string, PlayedHost>> = {}) {
  const record = { primary, copies: [primary], inSync: [primary], next: undefined, term: revision }
  const known = Object.entries(hosts).map(([name, { address }]): [string, ToldHost] => {
    const told = { address, version: '1', weight: 100, zone: '', run: 'a', isLeaving: false }
    return [name, { record: told, revision }]
  })
  return misplacedTelling(writeToldSlot({ record, revision, hosts: new Map(known) }))
}

async function cutOff(cluster: Awaited<ReturnType<typeof playedCluster>>): Promise<void> {
  cluster.coordinator.isAway = true
  await until('the gateway to notice', async () => (await cluster.ready()).checks['etcd'] !== undefined)
}

describe('what hosts tell a gateway of slots that they do not serve', { concurrency: true }, () => {
  test('a gateway that is cut off from etcd follows a slot to a host that it does not know', async () => {
    await using cluster = await playedCluster()
    const one = await cluster.host('host-1')
    await cluster.keep('r', { primary: 'host-1' })
    await until('the table', async () => (await cluster.push('r')).body === 'host-1')
    await cutOff(cluster)
    const two = await cluster.host('host-2')
    const revision = await cluster.keep('r', { primary: 'host-2' })
    one.answer = telling('host-2', revision, { 'host-2': two })
    const body = Buffer.alloc(30_000, 'x')
    two.answer = (incoming, outgoing) => {
      let bytes = 0
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
      incoming.on('end', () => outgoing.end(`two ${bytes}`))
    }
    assert.equal((await cluster.push('r', body)).body, 'two 30000')
    assert.equal(two.requests.at(-1)?.headers['sluice-term'], String(revision))
    const before = one.requests.length
    assert.equal((await cluster.fetch('r')).body, 'two 0')
    assert.equal(one.requests.length, before, 'the gateway knows it now')
    // What the watch brings counts again, once it does.
    cluster.coordinator.isAway = false
    await cluster.unlist(two)
    one.answer = (_, outgoing) => void outgoing.end('one')
    await cluster.keep('r', { primary: 'host-1' })
    await until('the watch to bring it', async () => (await cluster.fetch('r')).body === 'one')
  })

  test('a host at another address is followed there, and not where it has been before', async () => {
    await using cluster = await playedCluster()
    const one = await cluster.host('host-1')
    const two = await cluster.host('host-2')
    const old = await cluster.keep('r', { primary: 'host-1' })
    await until('the table', async () => (await cluster.push('r')).body === 'host-1')
    await cutOff(cluster)
    const moved = await cluster.host('host-2', (_, outgoing) => void outgoing.end('moved'), false)
    one.answer = telling('host-2', old + 5, { 'host-2': moved })
    assert.equal((await cluster.push('r')).body, 'moved')
    moved.answer = telling('host-1', old + 6, { 'host-1': one, 'host-2': two })
    one.answer = (_, outgoing) => void outgoing.end('one')
    assert.equal((await cluster.push('r')).body, 'one')
    one.answer = telling('host-2', old + 7)
    two.answer = (_, outgoing) => void outgoing.end('two')
    assert.equal((await cluster.push('r')).body, 'two')
    two.stop()
    moved.stop()
  })

  test('what is older, not valid, or told while etcd answers, is not taken, and clients never see it', async () => {
    await using cluster = await playedCluster({ SLUICE_HOST_WAIT: '300ms' })
    const one = await cluster.host('host-1')
    const two = await cluster.host('host-2')
    const revision = await cluster.keep('r', { primary: 'host-1' })
    await until('the table', async () => (await cluster.push('r')).body === 'host-1')
    const refused = async () => {
      const { status, headers, body } = await cluster.push('r')
      assert.deepEqual([status, headers['sluice-reason'], headers['sluice-slot']], [503, 'slot_down', undefined], body)
    }
    one.answer = telling('host-2', revision + 1)
    await refused()
    await cutOff(cluster)
    const wrong = ['', '{', 'x'.repeat(8000), JSON.stringify({ revision: revision + 1 })].map(misplacedTelling)
    for (const answer of [telling('host-2', revision), telling('host-2', revision - 1), misplaced, ...wrong]) {
      one.answer = answer
      await refused()
    }
    assert.equal(two.requests.length, 0)
    // An answer for the client keeps nothing of it either.
    one.answer = (incoming, outgoing) => {
      incoming.resume()
      outgoing.writeHead(200, { 'Sluice-Slot': '{}' }).end('one')
    }
    assert.deepEqual([(await cluster.push('r')).headers['sluice-slot']], [undefined])
  })

  test('a gateway that is cut off from etcd asks other hosts where the primary of a slot is dead', async () => {
    await using cluster = await playedCluster()
    const [one, two] = [await cluster.host('host-1'), await cluster.host('host-2')]
    await cluster.keep('r', { primary: 'host-1' })
    await until('the table', async () => (await cluster.push('r')).body === 'host-1')
    await cutOff(cluster)
    const three = await cluster.host('host-3')
    one.stop()
    // It has not heard of another one yet, and is asked again.
    two.answer = misplaced
    const asked = [cluster.push('r', Buffer.alloc(300_000, 'x')), cluster.fetch('r'), cluster.push('r')]
    await until('it to be asked twice', () => two.requests.length > 1)
    const revision = await cluster.keep('r', { primary: 'host-3' })
    two.answer = telling('host-3', revision, { 'host-3': three })
    assert.deepEqual(
      (await Promise.all(asked)).map(({ body }) => body),
      ['host-3', 'host-3', 'host-3'],
    )
    // Many that are held for one slot ask no more often than one.
    assert.ok(two.requests.length < 10, `${two.requests.length}`)
  })

  test('the host that is asked serves the request if it has taken over itself', async () => {
    await using cluster = await playedCluster()
    const [one, two] = [await cluster.host('host-1'), await cluster.host('host-2')]
    await cluster.keep('r', { primary: 'host-1' })
    await until('the table', async () => (await cluster.push('r')).body === 'host-1')
    await cutOff(cluster)
    one.stop()
    assert.equal((await cluster.push('r')).body, 'host-2')
    // It need not be looked for again.
    const others = Array.from({ length: 100 }, () => cluster.push('r'))
    for (const { body } of await Promise.all([...others, cluster.fetch('r')])) assert.equal(body, 'host-2')
    assert.equal(two.requests.length, 102)
    two.answer = misplaced
    const refused = cluster.push('r')
    await until('it to be asked', () => two.requests.length > 103)
    two.answer = (incoming, outgoing) => void incoming.resume().on('end', () => outgoing.end('again'))
    assert.equal((await refused).body, 'again')
  })

  test('while etcd answers, and where nobody knows better, no other host is asked for long', async () => {
    await using cluster = await playedCluster({ SLUICE_HOST_WAIT: '1500ms' })
    const [one, two] = [await cluster.host('host-1'), await cluster.host('host-2', misplaced)]
    await cluster.keep('r', { primary: 'host-1' })
    await until('the table', async () => (await cluster.push('r')).body === 'host-1')
    one.stop()
    assert.match((await cluster.push('r')).body, /host-1, is not answering/)
    assert.equal(two.requests.length, 0)
    await cutOff(cluster)
    // A machine that stands still for a while uses up what a request may wait.
    await until('the other one to be asked', async () => {
      const { status, headers } = await cluster.push('r')
      assert.deepEqual([status, headers['sluice-reason']], [503, 'host_unreachable'])
      return two.requests.length > 0
    })
  })
})
