import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener, ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { ClientHttp2Stream } from 'node:http2'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { oneATurn, oneByOne } from '../../src/http/one-by-one.ts'
import { until } from '../../testing/until.ts'

/** Requests that a client sends ahead on one connection. */

const request = (path: string | number) => `GET /${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
const requests = (count: number) => Array.from({ length: count }, (_, n) => request(n)).join('')

async function serve(listener: RequestListener) {
  const server = createServer(oneByOne(listener)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    connect(): { socket: Socket; reply: () => string } {
      let reply = ''
      const socket = connect(port, '127.0.0.1').setEncoding('latin1')
      socket.on('data', (text: string) => (reply += text)).on('error', () => {})
      return { socket, reply: () => reply }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

test('are answered in their order, each in a turn of its own, and one at a time', async () => {
  let underWay = 0
  let inThisTurn = 0
  const most = { underWay: 0, inOneTurn: 0 }
  await using server = await serve((incoming, outgoing) => {
    most.underWay = Math.max(most.underWay, ++underWay)
    most.inOneTurn = Math.max(most.inOneTurn, ++inThisTurn)
    setImmediate(() => (inThisTurn = 0))
    outgoing.end(`<${incoming.url}>`, () => underWay--)
  })
  const { socket, reply } = server.connect()
  socket.write(requests(1000) + request('end'))
  await until('the last reply', () => reply().includes('</end>'))
  const order = [...reply().matchAll(/<\/(\w+)>/g)].map(([, path]) => path)
  assert.deepEqual(order, [...Array.from({ length: 1000 }, (_, n) => String(n)), 'end'])
  assert.deepEqual(most, { underWay: 1, inOneTurn: 1 })
  // A request that comes when all others are answered is begun as well.
  socket.write(request('later'))
  await until('the reply after that', () => reply().includes('</later>'))
  socket.destroy()
})

test('are forgotten with their connection', async () => {
  const begun: string[] = []
  let first: ServerResponse | undefined
  await using server = await serve((incoming, outgoing) => {
    begun.push(incoming.url!)
    first ??= outgoing
    if (incoming.url === '/other') outgoing.end()
  })
  const { socket } = server.connect()
  socket.write(requests(10))
  await until('the first to be begun with', () => first)
  socket.destroy()
  await once(first!, 'close')
  const other = server.connect()
  other.socket.write(request('other'))
  await until('a reply to another client', () => other.reply().includes('200 OK'))
  assert.deepEqual(begun, ['/0', '/other'])
  other.socket.destroy()
})

test('end the connection if there are more than any client could mean', async () => {
  let begun = 0
  await using server = await serve(() => begun++)
  const { socket } = server.connect()
  socket.write(requests(5000))
  await until('the connection to be closed', () => socket.destroyed)
  assert.equal(begun, 1)
})

test('over HTTP/2 each begin in a turn of their own, and those that are cancelled before it do not begin', async (t) => {
  let inThisTurn = 0
  let mostInOneTurn = 0
  const begun: string[] = []
  const listener: RequestListener = ({ url }, outgoing) => {
    begun.push(url!)
    mostInOneTurn = Math.max(mostInOneTurn, ++inThisTurn)
    setImmediate(() => (inThisTurn = 0))
    outgoing.end()
  }
  const server = createHttp2Server(oneATurn(listener) as Parameters<typeof createHttp2Server>[0])
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.after(() => session.destroy())
  await once(session, 'remoteSettings')
  const reply = (stream: ClientHttp2Stream) => once(stream.resume(), 'close').then(() => stream.rstCode)
  const kept = Array.from({ length: 60 }, (_, n) => reply(session.request({ ':path': `/kept/${n}` })))
  assert.deepEqual(await Promise.all(kept), Array<number>(60).fill(0))
  const cancelled = Array.from({ length: 60 }, (_, n) => {
    const stream = session.request({ ':path': `/cancelled/${n}` })
    stream.on('error', () => {}).close(8)
    return once(stream, 'close')
  })
  const last = reply(session.request({ ':path': '/last' }))
  await Promise.all([...cancelled, last])
  assert.equal(mostInOneTurn, 1)
  assert.deepEqual(
    begun.slice(0, 60),
    Array.from({ length: 60 }, (_, n) => `/kept/${n}`),
  )
  assert.ok(begun.length < 121, 'all that were cancelled were begun with')
})
