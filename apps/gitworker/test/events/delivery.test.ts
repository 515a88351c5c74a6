import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readEventsFile } from '@sluice/shared/config/events/events-file'
import type { Receiver } from '@sluice/shared/config/events/events-file'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { until } from '@sluice/shared/testing/until'
import { pauseAfter } from '../../src/events/delivery/backoff.ts'
import { connectionsTo, deliver } from '../../src/events/delivery/deliver.ts'
import { DeliveryStatus } from '../../src/events/delivery/delivery-status.ts'
import { Deliveries } from '../../src/events/delivery/deliveries.ts'
import { isInner } from '../../src/events/delivery/inner-addresses.ts'
import type { QueueServices } from '../../src/events/delivery/receiver-queue.ts'
import { Journal } from '../../src/events/journal/journal.ts'
import { EventIds } from '../../src/events/record/event-id.ts'
import type { Event } from '../../src/events/record/event.ts'

const ids = new EventIds()

function anEvent(repository: string, ref = 'refs/heads/main'): Event {
  const [time, old, id] = [new Date().toISOString(), '0'.repeat(40), 'a'.repeat(40)]
  return { id: ids.next(), time, kind: 'push', repository, requestId: 'r', ref, old, new: id }
}

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse, body: string) => void

/** A receiver that answers as it is told to. */
async function openServer(answer: Answer) {
  return await serveHttp((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => answer(incoming, outgoing, Buffer.concat(chunks).toString()))
  })
}

async function receiverAt(address: string, more: object = {}): Promise<Receiver> {
  const entry = { name: 'ci', address, networks: ['127.0.0.1', '::1'], timeout: '20s', ...more }
  return (await readEventsFile(JSON.stringify({ receivers: [entry] }), 'events.json'))[0]!
}

async function deliverTo(receiver: Receiver) {
  const agent = connectionsTo(receiver, 1)
  const attempt = await deliver(receiver, agent, 'id', { name: 'ping', body: {} }, new AbortController().signal)
  await agent.destroy()
  return attempt
}

describe('one request', () => {
  test('is not taken where the receiver says so, and a redirect is not followed', async () => {
    const asked: string[] = []
    await using server = await openServer((incoming, outgoing) => {
      asked.push(incoming.url!)
      if (incoming.url === '/moved') outgoing.writeHead(307, { Location: '/ok' }).end()
      else outgoing.writeHead(incoming.url === '/ok' ? 204 : 500).end('it is \x1b[31mbroken')
    })
    const at = async (path: string) => deliverTo(await receiverAt(`http://127.0.0.1:${server.port}${path}`))
    assert.equal((await at('/ok')).isTaken, true)
    const [failed, moved] = [await at('/bad'), await at('/moved')]
    assert.deepEqual([failed.isTaken, failed.status, failed.why], [false, 500, 'it answered 500: it is  [31mbroken'])
    assert.match(moved.why!, /307, a redirect, which is not followed/)
    assert.deepEqual(asked, ['/ok', '/bad', '/moved'])
  })

  test('ends in time where the receiver says nothing, drips its reply, or floods', async (t) => {
    // Its time is over as soon as its reply has begun, however long that takes.
    let late = new AbortController()
    const given: number[] = []
    const onHead = () => void setImmediate(() => late.abort(new Error('Its time is over.')))
    await using server = await openServer((incoming, outgoing) => {
      if (incoming.url === '/silent') return
      outgoing.writeHead(incoming.url === '/taken' ? 200 : 500)
      if (incoming.url === '/flood') {
        const flood = () => {
          while (!outgoing.destroyed && outgoing.write(Buffer.alloc(65_536)));
        }
        outgoing.on('drain', flood)
        flood()
      } else {
        const timer = setInterval(() => outgoing.write('.'), 20)
        outgoing.on('close', () => clearInterval(timer))
      }
    })
    const at = async (path: string, timeout: string) =>
      deliverTo(await receiverAt(`http://127.0.0.1:${server.port}${path}`, { timeout }))
    assert.match((await at('/silent', '100ms')).why!, /has not answered within 100 ms/)
    // It is cut off long before its time.
    assert.match((await at('/flood', '20s')).why!, /^it answered 500/)
    subscribe('undici:request:headers', onHead)
    t.after(() => unsubscribe('undici:request:headers', onHead))
    t.mock.method(AbortSignal, 'timeout', (ms: number) => {
      given.push(ms)
      return (late = new AbortController()).signal
    })
    const dripped = await at('/drip', '200ms')
    assert.deepEqual([dripped.isTaken, dripped.status], [false, 500])
    assert.equal((await at('/taken', '300ms')).isTaken, true)
    assert.deepEqual(given, [200, 300])
  })

  test('is not made to an address of one’s own network, by whatever name', async () => {
    let asked = 0
    await using server = await openServer((_, outgoing) => {
      asked++
      outgoing.end()
    })
    const hosts = ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0.0.0.0', '[::ffff:127.0.0.1]', '[::1]', '[::]']
    for (const host of hosts) {
      const { why } = await deliverTo(await receiverAt(`http://${host}:${server.port}/`, { networks: [] }))
      assert.match(why!, /inside of the operator’s network/, host)
    }
    assert.equal(asked, 0)
    assert.equal((await deliverTo(await receiverAt(`http://localhost:${server.port}/`))).isTaken, true)
  })

  test('is signed with what the file of the secret has now, and not sent without it', async () => {
    const signatures: unknown[] = []
    await using server = await openServer((incoming, outgoing) => {
      signatures.push(incoming.headers['x-hub-signature-256'])
      outgoing.end()
    })
    await using folder = await temporaryFolder()
    const receiver = await receiverAt(`http://127.0.0.1:${server.port}/`, { secret_file: join(folder.path, 'secret') })
    assert.match((await deliverTo(receiver)).why!, /cannot be read \(ENOENT\)/)
    await writeFile(join(folder.path, 'secret'), 'one\n')
    await deliverTo(receiver)
    await writeFile(join(folder.path, 'secret'), 'other\n')
    await deliverTo(receiver)
    assert.equal(new Set(signatures).size, 2)
  })
})

test('addresses that may be of one’s own network', () => {
  const inner = '10.1.2.3 100.64.0.1 127.1.2.3 169.254.169.254 172.31.0.1 192.168.1.1 0.0.0.0 255.255.255.255 224.0.0.1'
  const inner6 =
    ':: ::1 fe80::1 fe80::1%eth0 fd00:ec2::254 ::ffff:10.0.0.1 ::ffff:a00:1 64:ff9b::a00:1 2002:a00:1:: ff02::1'
  for (const address of [...`${inner} ${inner6}`.split(' '), '2001:db8::1', 'localhost', ''])
    assert.ok(isInner(address), address)
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])
    assert.ok(!isInner(address), address)
})

test('pauses double, and are never longer than about an hour', () => {
  const pauses = [1, 2, 3, 20, 1000].map((attempts) => pauseAfter(attempts, 0.5))
  assert.deepEqual(pauses, [5000, 10_000, 20_000, 3_600_000, 3_600_000])
  assert.ok(pauseAfter(1, 0) < 5000 && pauseAfter(1, 1) > 5000)
})

/** A journal, and what sends its events. */
async function openSending(receivers: readonly Receiver[], more: Partial<QueueServices> = {}) {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder()).path
  const options = { folder, log: silentLog, openRecords: () => [], last: undefined, freeBytes: async () => undefined }
  const journal = opened.use(await Journal.open(options))
  const services = { journal, publicUrl: undefined, log: silentLog, onAttempt() {}, pauseAfter: () => 10, ...more }
  const open = () => Deliveries.open(receivers, services)
  const ends = opened.move()
  const append = (...events: Event[]) => journal.append(events.map((event) => ({ event })))
  return { journal, open, append, [Symbol.asyncDispose]: () => ends.disposeAsync() }
}

describe('many events', () => {
  test('keep their order in each repository, while one that fails holds up no other', async () => {
    const taken: Record<string, string[]> = {}
    let isBroken = true
    await using server = await openServer((_, outgoing, body) => {
      const { ref, repository } = JSON.parse(body) as { ref: string; repository: { full_name: string } }
      const fails = isBroken && repository.full_name === 'bad'
      if (!fails) (taken[repository.full_name] ??= []).push(ref)
      outgoing.writeHead(fails ? 500 : 200).end()
    })
    await using sending = await openSending([await receiverAt(`http://127.0.0.1:${server.port}/`)])
    await using _deliveries = await sending.open()
    const refs = Array.from({ length: 30 }, (_, index) => `refs/heads/${index}`)
    for (const ref of refs) await sending.append(...['bad', 'good', 'other'].map((name) => anEvent(name, ref)))
    await until('the others to be sent', () => taken['good']?.length === 30 && taken['other']?.length === 30)
    assert.equal(taken['bad'], undefined)
    isBroken = false
    await until('the rest to be sent', () => taken['bad']?.length === 30)
    assert.deepEqual(taken, { bad: refs, good: refs, other: refs })
  })

  test('are sent to one receiver while another one hangs', async () => {
    let taken = 0
    await using hanging = await openServer(() => {})
    await using server = await openServer((_, outgoing) => {
      taken++
      outgoing.end()
    })
    const slow = await receiverAt(`http://127.0.0.1:${hanging.port}/`, { name: 'slow', timeout: '60s' })
    await using sending = await openSending([slow, await receiverAt(`http://127.0.0.1:${server.port}/`)])
    await using deliveries = await sending.open()
    await sending.append(...Array.from({ length: 200 }, (_, index) => anEvent(`team/${index}`)))
    await until('all to be sent to the other', () => taken === 200)
    assert.equal(deliveries.find('slow').oldest?.attempts, 0)
  })

  test('that wait are counted for operators, with the age of the oldest and the last failure', async () => {
    await using server = await openServer((_, outgoing) => void outgoing.writeHead(500).end('no'))
    const receiver = await receiverAt(`http://127.0.0.1:${server.port}/`, { repositories: ['team/**'] })
    await using sending = await openSending([receiver])
    await using deliveries = await sending.open()
    const status = async () => await new DeliveryStatus(sending.journal, deliveries).read()
    const nothing = { receivers: 1, failing: 0, waiting: 0, isMore: false, oldestSeconds: undefined }
    assert.deepEqual(await status(), { ...nothing, parked: 0, lastFailure: undefined })
    const old = { ...anEvent('team/a'), time: new Date(Date.now() - 60_000).toISOString() }
    await sending.append(old, anEvent('team/a'), anEvent('other'), anEvent('team/b'))
    await until('the oldest to fail', async () => (await status()).failing === 1)
    const { waiting, oldestSeconds, lastFailure } = await status()
    assert.equal(waiting, 3)
    assert.ok(oldestSeconds! >= 60)
    assert.deepEqual([lastFailure?.receiver, lastFailure?.why], ['ci', 'it answered 500: no'])
  })

  test('that are not taken in their time are parked, and can be sent again', async () => {
    let status = 500
    await using server = await openServer((_, outgoing) => void outgoing.writeHead(status).end('no'))
    await using sending = await openSending([await receiverAt(`http://127.0.0.1:${server.port}/`)], { triedFor: 100 })
    await using deliveries = await sending.open()
    const event = anEvent('team/project')
    await sending.append(event)
    const queue = deliveries.find('ci')
    await until('it to be parked', () => queue.parked.length === 1)
    assert.deepEqual([queue.parked[0]!.id, queue.parked[0]!.why], [event.id, 'it answered 500: no'])
    assert.equal(queue.oldest, undefined)
    status = 200
    await queue.sendNow(event.id, { name: 'push', body: {} }, new AbortController().signal)
    assert.deepEqual(queue.parked, [])
    assert.throws(
      () => deliveries.find('other'),
      (error: unknown) => error instanceof Refusal && error.status === 404,
    )
  })

  test('that waited are sent by the next process, and a new receiver gets only what comes', async () => {
    const taken = new Set<string>()
    let status = 500
    await using server = await openServer((incoming, outgoing) => {
      if (status === 200) taken.add(incoming.headers['x-github-delivery'] as string)
      outgoing.writeHead(status).end()
    })
    await using sending = await openSending([await receiverAt(`http://127.0.0.1:${server.port}/`)])
    await sending.append(anEvent('before'))
    const events = ['one', 'two', 'one', 'two', 'three'].map((name) => anEvent(name))
    {
      await using deliveries = await sending.open()
      await sending.append(...events)
      await until('one to fail', () => (deliveries.find('ci').oldest?.attempts ?? 0) > 0)
    }
    status = 200
    await using _again = await sending.open()
    // What was being sent when the first process ended may come late, and so twice.
    await until('all to be sent', () => taken.size === events.length)
    assert.deepEqual(
      [...taken].toSorted(),
      events.map(({ id }) => id),
    )
  })

  test('a receiver that leaves the file gets nothing more, and one that changes goes on', async () => {
    const asked: string[] = []
    await using server = await openServer((incoming, outgoing) => {
      asked.push(incoming.url!)
      outgoing.end()
    })
    const address = `http://127.0.0.1:${server.port}`
    await using sending = await openSending([
      await receiverAt(`${address}/one`),
      await receiverAt(`${address}/two`, { name: 'two' }),
    ])
    await using deliveries = await sending.open()
    await deliveries.take([await receiverAt(`${address}/changed`)])
    await sending.append(anEvent('team/project'))
    await until('one to be asked', () => asked.length > 0)
    assert.deepEqual(asked, ['/changed'])
  })
})
