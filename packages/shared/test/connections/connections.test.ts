import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { Connections } from '../../src/connections/connections.ts'
import type { ConnectionLimits } from '../../src/connections/connections.ts'
import { Exchange } from '../../src/exchange/exchange.ts'
import { Refusal } from '../../src/refusal/refusal.ts'
import { until } from '../../testing/until.ts'

/** A server that answers `ok`, or with the reason if a connection is over the limit. */
async function serverWith(limits: ConnectionLimits, host = '127.0.0.1') {
  const connections = new Connections(limits)
  // An idle connection is not closed by the clock.
  const server = createServer({ keepAliveTimeout: 0 }, (incoming, outgoing) => {
    const exchange = new Exchange(incoming, outgoing, { clientAddress: 'test', takesInterimReplies: false })
    try {
      connections.check(exchange)
      void exchange.reply(200, 'ok', {})
    } catch (error) {
      void exchange.refuse(error as Refusal)
    }
  })
  connections.watch(server)
  server.listen(0, host)
  await once(server, 'listening')
  const clients: Socket[] = []
  return {
    connections,
    async open(from = '127.0.0.1'): Promise<Socket> {
      const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress: from })
      socket.on('error', () => {})
      clients.push(socket)
      await once(socket, 'connect')
      return socket
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function ask(socket: Socket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const [reply] = (await once(socket, 'data')) as [Buffer]
  return reply.toString()
}

test('a request on a connection over the limit is refused, and the connection closed; others are served', async () => {
  await using server = await serverWith({ limit: 2 })
  const [first, second, third] = [await server.open(), await server.open(), await server.open()]
  const refused = await ask(third)
  assert.match(refused, /^HTTP\/1.1 503 /)
  assert.match(refused, /Retry-After: 1\r\n/)
  assert.match(refused, /Sluice-Reason: too_many_connections/)
  await once(third, 'close')
  for (const socket of [first, second]) assert.match(await ask(socket), /^HTTP\/1.1 200 /)
  first.destroy()
  await until('there to be room', () => server.connections.size === 1)
  assert.match(await ask(await server.open()), /^HTTP\/1.1 200 /)
})

test('one address may hold its share only, and a proxy all', async () => {
  const limits = { limit: 10, perAddress: 2 }
  await using server = await serverWith({ ...limits, isProxy: (address) => address === '127.0.0.2' })
  const [, , third] = [await server.open(), await server.open(), await server.open()]
  assert.match(await ask(third), /^HTTP\/1.1 429 /)
  for (let n = 0; n < 4; n++) assert.match(await ask(await server.open('127.0.0.2')), /^HTTP\/1.1 200 /)
})

test('IPv4 clients of an IPv6 socket are told apart', async () => {
  await using server = await serverWith({ limit: 10, perAddress: 1, isProxy: () => false }, '::')
  for (const from of ['127.0.0.3', '127.0.0.4']) assert.match(await ask(await server.open(from)), /^HTTP\/1.1 200 /)
})

test('silent connections are bounded by the limit and a few more', async () => {
  await using server = await serverWith({ limit: 10 })
  const sockets: (Socket | undefined)[] = []
  for (let n = 0; n < 100; n++) sockets.push(await server.open().catch(() => undefined))
  await until('the last to be closed', () => sockets.at(-1)?.closed)
  assert.equal(server.connections.size, 74)
})

test('the connection that has been idle for longest makes room for a new one, and one in use never does', async () => {
  await using server = await serverWith({ limit: 3, closesIdle: true })
  const [silent, first, second] = [await server.open(), await server.open(), await server.open()]
  for (const socket of [second, first, second]) assert.match(await ask(socket), /^HTTP\/1.1 200 /)
  const third = await server.open()
  assert.match(await ask(third), /^HTTP\/1.1 200 /)
  await until('the one that was idle for longest to be closed', () => first.destroyed)
  second.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n')
  third.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n')
  await Promise.all([once(second, 'data'), once(third, 'data')])
  assert.match(await ask(await server.open()), /^HTTP\/1.1 503 /)
  second.write('123456789')
  await until('it to be answered as a whole', async () => /^HTTP\/1.1 200 /.test(await ask(second)))
  assert.ok(!silent.destroyed)
})

test('an address at its limit makes room with its own connections only', async () => {
  await using server = await serverWith({ limit: 10, perAddress: 2, isProxy: () => false, closesIdle: true })
  const other = await server.open('127.0.0.2')
  const [first, second] = [await server.open(), await server.open()]
  for (const socket of [other, first, second]) assert.match(await ask(socket), /^HTTP\/1.1 200 /)
  assert.match(await ask(await server.open()), /^HTTP\/1.1 200 /)
  await until('its own to be closed', () => first.destroyed)
  for (const socket of [other, second]) assert.match(await ask(socket), /^HTTP\/1.1 200 /)
})
