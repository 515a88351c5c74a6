import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { Exchange } from '../../src/exchange/exchange.ts'
import { Refusal } from '../../src/refusal/refusal.ts'
import { standStill } from '../../testing/stand-still.ts'
import { until } from '../../testing/until.ts'

/** A server that makes an exchange of the one request that `head` begins, and a connection that has sent it. */
async function exchangeFor(
  head: string,
  body: Buffer | string,
  takesInterimReplies = true,
): Promise<AsyncDisposable & { exchange: Exchange; client: Socket; received: () => string }> {
  const server = createServer({ requestTimeout: 0 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => {})
  let received = ''
  client.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  client.write(`${head}\r\n\r\n`)
  client.write(body)
  const [incoming, outgoing] = await once(server, 'request')
  const exchange = new Exchange(incoming, outgoing, { clientAddress: 'test', takesInterimReplies })
  const dispose = async () => {
    client.destroy()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { exchange, client, received: () => received, [Symbol.asyncDispose]: dispose }
}

test('a reply has a Connection header only if the connection does not behave as HTTP/1.1’s default', async () => {
  await using kept = await exchangeFor('GET / HTTP/1.1\r\nHost: test', '')
  await using closed = await exchangeFor('GET / HTTP/1.1\r\nHost: test\r\nConnection: close', '')
  await using old = await exchangeFor('GET / HTTP/1.0\r\nConnection: keep-alive', '')
  for (const { exchange } of [kept, closed, old]) await exchange.reply(200, 'x', {})
  await until('the replies', () => [kept, closed, old].every(({ received }) => received().endsWith('\r\n\r\nx')))
  assert.doesNotMatch(kept.received(), /^(?:Connection|Keep-Alive):/im)
  assert.match(old.received(), /^Connection: keep-alive\r$/im)
  await until('the end that was asked for', () => closed.client.readableEnded)
  kept.client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  assert.equal(kept.client.readableEnded, false)
})

const post = 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000'
const megabytes = Buffer.alloc(4 * 2 ** 20)
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const reasonOf = ({ signal }: Exchange) => signal.aborted && (signal.reason as Refusal).reason

describe('a client with a large unread body', () => {
  test('is noticed to leave', async () => {
    await using under = await exchangeFor(post, megabytes)
    under.exchange.watchUnreadBody()
    await until('an interim reply', () => under.received().startsWith('HTTP/1.1 102 Processing\r\n\r\n'))
    under.client.destroy()
    assert.equal(await until('its leaving to be noticed', () => reasonOf(under.exchange)), 'client_gone')
  })

  test('gets no interim reply if it cannot take one, speaks HTTP/1.0, or has its reply already', async () => {
    await using cannot = await exchangeFor(post, megabytes, false)
    await using old = await exchangeFor(post.replace('1.1', '1.0'), megabytes)
    await using answered = await exchangeFor(post, megabytes)
    await using control = await exchangeFor(post, megabytes)
    answered.exchange.outgoing.write('a beginning')
    for (const { exchange } of [cannot, old, answered, control]) exchange.watchUnreadBody()
    await until('two in the control', () => control.received().split(' 102 ').length > 2)
    for (const { received } of [cannot, old, answered]) assert.doesNotMatch(received(), / 102 /)
  })

  test('gets no interim reply if a proxy shows that it passed the request on', async () => {
    const shown = ['Via: 1.1 proxy', 'X-Forwarded-For: 192.0.2.1', 'Forwarded: for=192.0.2.1', 'X-Real-IP: 192.0.2.1']
    await using stack = new AsyncDisposableStack()
    const passedOn = await Promise.all(shown.map((header) => exchangeFor(`${post}\r\n${header}`, megabytes)))
    for (const { exchange } of passedOn.map((one) => stack.use(one))) exchange.watchUnreadBody()
    await using control = await exchangeFor(post, megabytes)
    control.exchange.watchUnreadBody()
    await until('two in the control', () => control.received().split(' 102 ').length > 2)
    for (const { received } of passedOn) assert.doesNotMatch(received(), / 102 /)
  })

  test('gets none while its body is being read', async (t) => {
    await using under = await exchangeFor(post, megabytes)
    await using control = await exchangeFor(post, megabytes)
    const { exchange, client, received } = under
    exchange.incoming.on('data', (chunk: Buffer) => exchange.received(chunk.length))
    // Time passes once more has been read, however long the machine takes to do that.
    t.mock.timers.enable({ apis: ['setInterval'] })
    for (const { exchange: each } of [under, control]) each.watchUnreadBody()
    for (let look = 1; look <= 6; look++) {
      client.write('more')
      await until('it to be read', () => exchange.bytesIn === megabytes.length + look * 'more'.length)
      t.mock.timers.tick(250)
    }
    await until('two in the control', () => control.received().split(' 102 ').length > 2)
    assert.equal(received(), '')
  })
})

describe('an upload', () => {
  test('that is too slow is ended', async () => {
    await using under = await exchangeFor(post, 'a little')
    under.exchange.incoming.resume()
    under.exchange.limitSlowness(1000, 100)
    assert.equal(await until('its end', () => reasonOf(under.exchange)), 'slow_upload')
  })

  test('that is fast enough goes on, and so does one that this side does not read', async (t) => {
    await using slow = await exchangeFor(post, 'a little')
    await using fast = await exchangeFor(post, 'a little')
    await using unread = await exchangeFor(post, megabytes)
    slow.exchange.incoming.resume()
    fast.exchange.incoming.on('data', (chunk: Buffer) => fast.exchange.received(chunk.length))
    // Time passes once more has come, however long the machine takes for that.
    t.mock.timers.enable({ apis: ['setTimeout'] })
    for (const { exchange } of [slow, fast, unread]) exchange.limitSlowness(1, 1_000_000)
    for (let window = 1; window <= 3; window++) {
      fast.client.write(Buffer.alloc(1_000_000))
      while (fast.exchange.bytesIn < 'a little'.length + window * 1_000_000) await turn()
      for (let step = 0; step < 10; step++) {
        t.mock.timers.tick(100_000)
        await turn()
      }
    }
    assert.deepEqual(
      [slow, fast, unread].map(({ exchange }) => reasonOf(exchange)),
      ['slow_upload', false, false],
    )
  })

  test('that came while this process stood still, and was not read yet, is not too slow', async () => {
    await using under = await exchangeFor(post, 'a little')
    const { exchange, client } = under
    exchange.incoming.on('data', (chunk: Buffer) => exchange.received(chunk.length))
    await until('the beginning', () => exchange.bytesIn > 0)
    exchange.limitSlowness(1000, 100)
    await turn()
    // Timers that are due run now, and before anything is read.
    for (const piece of ['', 'x'.repeat(1000)]) {
      client.write(piece)
      standStill(300)
      await turn()
      assert.equal(reasonOf(exchange), false)
    }
    assert.equal(await until('its end', () => reasonOf(exchange)), 'slow_upload')
    assert.equal(exchange.bytesIn, 'a little'.length + 1000)
  })

  test('that has arrived is not waited for', async () => {
    await using under = await exchangeFor('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4', 'body')
    await using slow = await exchangeFor(post, 'a little')
    slow.exchange.incoming.resume()
    under.exchange.incoming.resume()
    await once(under.exchange.incoming, 'end')
    under.exchange.limitSlowness(1000, 50)
    slow.exchange.limitSlowness(1000, 150)
    await until('the slow one to be ended', () => slow.exchange.signal.aborted)
    assert.ok(!under.exchange.signal.aborted)
  })
})

describe('silence', () => {
  const get = 'GET / HTTP/1.1\r\nHost: test'
  const hour = 3_600_000

  test('of a client whose body is waited for ends the exchange; of a client that waits, it does not', async () => {
    await using half = await exchangeFor(post, 'the beginning')
    half.exchange.incoming.resume()
    await using waiting = await exchangeFor(get, '')
    await using unread = await exchangeFor(post, megabytes)
    for (const { exchange } of [half, waiting, unread]) exchange.limitIdleness(50, hour)
    assert.equal(await until('the end', () => reasonOf(half.exchange)), 'idle_timeout')
    await using control = await exchangeFor(get, '')
    control.exchange.limitIdleness(200)
    await until('more time to have passed', () => reasonOf(control.exchange))
    for (const { exchange } of [waiting, unread]) assert.equal(reasonOf(exchange), false)
  })

  test('in which this process stood still does not end it, unless nothing has come meanwhile', async () => {
    await using busy = await exchangeFor(post, 'the beginning')
    await using silent = await exchangeFor(post, 'the beginning')
    for (const { exchange } of [busy, silent]) {
      exchange.incoming.on('data', (chunk: Buffer) => exchange.received(chunk.length))
      await until('the beginning', () => exchange.bytesIn > 0)
      exchange.limitIdleness(1000)
    }
    await turn()
    busy.client.write('more')
    // Timers that are due run next, and before anything is read.
    standStill(1500)
    await until('more', () => busy.exchange.bytesIn > 'the beginning'.length)
    assert.equal(reasonOf(busy.exchange), false)
    assert.equal(await until('the end', () => reasonOf(silent.exchange)), 'idle_timeout')
    assert.equal(await until('the end', () => reasonOf(busy.exchange)), 'idle_timeout')
  })

  test('in which this process stood still does not end it, though that was over just when its time was', async () => {
    await using under = await exchangeFor(post, 'the beginning')
    const { exchange, client } = under
    exchange.incoming.on('data', (chunk: Buffer) => exchange.received(chunk.length))
    await until('the beginning', () => exchange.bytesIn > 0)
    exchange.limitIdleness(1000)
    await turn()
    client.write('more')
    // Later than its time, and not late enough to be noticed.
    standStill(1030)
    await until('more', () => exchange.bytesIn > 'the beginning'.length)
    assert.equal(reasonOf(exchange), false)
    assert.equal(await until('the end', () => reasonOf(exchange)), 'idle_timeout')
  })

  test('of a client that reads nothing ends the exchange', async () => {
    await using stalled = await exchangeFor(get, '')
    stalled.client.pause()
    stalled.exchange.outgoing.write(Buffer.alloc(64 * 2 ** 20))
    stalled.exchange.limitIdleness(50, hour)
    assert.equal(await until('the end', () => reasonOf(stalled.exchange)), 'idle_timeout')
  })

  test('of git has a limit of its own, also if that is the shorter one', async () => {
    for (const idleMs of [20, hour]) {
      await using waiting = await exchangeFor(get, '')
      waiting.exchange.limitIdleness(idleMs, 100)
      assert.equal(await until('the end', () => reasonOf(waiting.exchange)), 'git_silent')
    }
  })

  test('of a host that is stuck is not waited out', async () => {
    await using waiting = await exchangeFor(get, '')
    let looks = 0
    waiting.exchange.limitIdleness(20, hour, () => Promise.resolve(++looks > 2))
    assert.equal(await until('the end', () => reasonOf(waiting.exchange)), 'idle_timeout')
    assert.equal(looks, 3)
  })
})
