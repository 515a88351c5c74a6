import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { until } from '@sluice/shared/testing/until'
import { ask } from '@sluice/shared/testing/http'
import { playedCluster } from './played-cluster.ts'
import type { PlayedHost } from './played-cluster.ts'

/** Hosts that accept connections and answer nothing, as a stopped process does, or a proxy that swallows. */

const swallows: RequestListener = (incoming) => void incoming.resume()

/** From now on, it answers neither requests nor looks. */
function fallSilent(host: PlayedHost, answer: RequestListener = swallows): void {
  host.answer = answer
  host.trusted = async () => await Promise.reject(new Error('silent'))
}

/** One host, and one that may take its place. */
async function oneOfTwo(env: Record<string, string> = {}) {
  const cluster = await playedCluster(env)
  const [one, two] = [await cluster.host('host-1'), await cluster.host('host-2')]
  await cluster.keep('r', { primary: 'host-1' })
  await until('the table', async () => (await cluster.fetch('r')).body === 'host-1')
  one.requests.length = 0
  return { cluster, one, two }
}

describe('a host that answers nothing', { concurrency: true }, () => {
  test('costs a read without another copy SLUICE_HOST_WAIT, and the refusal names it', async () => {
    const { cluster, one } = await oneOfTwo({ SLUICE_HOST_WAIT: '300ms' })
    await using _end = cluster
    fallSilent(one)
    const { status, body, headers } = await cluster.fetch('r')
    assert.deepEqual([status, headers['sluice-reason']], [503, 'host_unreachable'], body)
    assert.match(body, /host-1, is not answering/)
  })

  test('has its reads, advertisements and probes of pushes held until it is back, or another one has its place', async () => {
    const { cluster, one } = await oneOfTwo()
    await using _end = cluster
    fallSilent(one)
    const asked = [cluster.fetch('r'), advertisePush(cluster.address), cluster.push('r', '0000')]
    await cluster.held(3)
    await cluster.keep('r', { primary: 'host-2' })
    assert.deepEqual(
      (await Promise.all(asked)).map(({ body }) => body),
      ['host-2', 'host-2', 'host-2'],
    )
    await cluster.keep('r', { primary: 'host-1' })
    const fetched = cluster.fetch('r')
    await cluster.held(1)
    one.answer = (_, outgoing) => void outgoing.end('back')
    one.trusted = async () => {}
    assert.equal((await fetched).body, 'back')
  })

  test('has only the beginning of a large push, which goes to the next primary whole', async () => {
    const { cluster, one, two } = await oneOfTwo()
    await using _end = cluster
    let given = 0
    fallSilent(one, (incoming) => void incoming.on('data', (chunk: Buffer) => (given += chunk.length)))
    let taken = ''
    two.answer = (incoming, outgoing) => {
      outgoing.writeProcessing()
      incoming.setEncoding('latin1').on('data', (part: string) => (taken += part))
      incoming.on('end', () => outgoing.end('two'))
    }
    // Without an end, so that only its last byte can tell whether it is whole.
    const body = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 251))
    const [host, port] = cluster.address.split(':') as [string, string]
    const headers = { 'Content-Type': 'application/x-git-receive-pack-request' }
    const pushed = request({ host, port, path: '/r/git-receive-pack', method: 'POST', headers })
    const answered = once(pushed, 'response') as Promise<[IncomingMessage]>
    pushed.write(body)
    await cluster.held(1)
    await until('the host to have it', () => given === body.length - 1)
    assert.equal(one.requests.length, 1)
    await cluster.keep('r', { primary: 'host-2' })
    await until('it to come to the next one', () => taken.length === body.length)
    pushed.end('end')
    const [answer] = await answered
    assert.equal(await text(answer), 'two')
    assert.ok(Buffer.from(taken, 'latin1').equals(Buffer.concat([body, Buffer.from('end')])), `${taken.length}`)
  })

  test('may have carried out a small push, which nobody else gets', async () => {
    const { cluster, one, two } = await oneOfTwo()
    await using _end = cluster
    fallSilent(one)
    const pushed = cluster.push('r')
    await until('the push', () => one.requests.length > 0)
    await cluster.unlist(one)
    await cluster.keep('r', { primary: 'host-2' })
    assert.deepEqual([(await pushed).status, two.requests.length], [502, 0])
  })

  test('is waited for where it answers looks, and gets a large push that it says nothing to', async () => {
    const { cluster, one } = await oneOfTwo()
    await using _end = cluster
    one.answer = (incoming, outgoing) => {
      let bytes = 0
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
      incoming.on('end', () => setTimeout(() => outgoing.end(`${bytes}`), 2500))
    }
    assert.equal((await cluster.push('r', Buffer.alloc(300_000))).body, '300000')
    assert.equal(one.requests.length, 1)
  })
})

function advertisePush(address: string) {
  return ask(address, '/r/info/refs?service=git-receive-pack')
}
