import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { connect } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { test } from 'node:test'
import { cutUnreadReplies } from '../../src/http/unread-replies.ts'
import { standStill } from '../../testing/stand-still.ts'
import { until } from '../../testing/until.ts'

/** Replies that clients do not read. */

const everyMs = 20

async function listen(server: Server, lookEveryMs = everyMs): Promise<number> {
  cutUnreadReplies(server, lookEveryMs)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

test('a stream whose client opens no window is reset, and its connection goes on', async (t) => {
  const server = createHttp2Server((_, outgoing) => void outgoing.end('a short reply'))
  const port = await listen(server)
  t.after(() => server.close())
  const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } })
  t.after(() => session.destroy())
  await once(session, 'localSettings')
  const unread = session.request({ ':path': '/' })
  unread.on('error', () => {}).resume()
  await until('it to be reset', () => unread.closed)
  assert.notEqual(unread.rstCode, 0)
  assert.ok(!session.closed)
})

test('a connection whose client does not read is closed', async (t) => {
  const reply = Buffer.alloc(32 * 1024 * 1024)
  const closed: boolean[] = []
  const server = createServer((_, outgoing) => {
    outgoing.once('close', () => closed.push(outgoing.writableFinished)).end(reply)
  })
  const port = await listen(server)
  const socket = connect(port, '127.0.0.1')
    .on('error', () => {})
    .pause()
  t.after(() => {
    socket.destroy()
    server.close()
  })
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('the reply to be cut', () => closed.length > 0)
  assert.deepEqual(closed, [false])
})

test('a reply that is still being made is not cut, however long that takes', async (t) => {
  let looks = 0
  let isClosed = false
  const server = createServer((_, outgoing) => {
    outgoing.once('close', () => (isClosed = true)).write('the first part')
  })
  const port = await listen(server)
  const timer = setInterval(() => looks++, everyMs)
  t.after(() => {
    clearInterval(timer)
    server.closeAllConnections()
    server.close()
  })
  const socket = connect(port, '127.0.0.1').pause()
  t.after(() => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('many looks', () => looks > 10)
  assert.equal(isClosed, false)
})

test('a connection whose client begins to read while this process stands still is not closed', async (t) => {
  const reply = Buffer.alloc(32 * 1024 * 1024)
  const closed: boolean[] = []
  const server = createServer((_, outgoing) => {
    outgoing.once('close', () => closed.push(outgoing.writableFinished)).end(reply)
  })
  const port = await listen(server, 200)
  const socket = connect(port, '127.0.0.1').pause()
  t.after(() => {
    socket.destroy()
    server.close()
  })
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await once(server, 'request')
  await new Promise(setImmediate)
  // Timers that are due run now, and before anything is read.
  standStill(400)
  await new Promise(setImmediate)
  socket.resume()
  standStill(400)
  await until('the end', () => closed.length > 0)
  assert.deepEqual(closed, [true])
})
