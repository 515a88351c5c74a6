import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { RequestListener, ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { endIdleSessions } from '../../src/http/http2-sessions.ts'
import { connectionUnder } from '../../src/http/http2-stream.ts'
import { endLostSessions } from '../../src/http/lost-connections.ts'
import { newAuthority, noCertificates } from '../../testing/certificates.ts'
import { temporaryFolder } from '../../testing/folder.ts'
import { connectFrames } from '../../testing/http2-frames.ts'
import { until } from '../../testing/until.ts'

/** Sessions of HTTP/2 over TLS whose clients go away, or read nothing. */

const skip = noCertificates ?? false

const piece = Buffer.alloc(20_000)

/** How many bytes all replies have had so far. */
let poured = 0

/** Sends as fast as the client takes it. */
const pour: RequestListener = (_, outgoing) => {
  outgoing.on('error', () => {})
  const more = () => {
    if (outgoing.destroyed) return
    poured += piece.length
    if (outgoing.write(piece)) setImmediate(more)
    else outgoing.once('drain', more)
  }
  more()
}

type Listening = AsyncDisposable & {
  readonly server: Http2SecureServer
  readonly address: string
  readonly sessions: ReadonlySet<ServerHttp2Session>
  /** How many sessions there were so far. */
  readonly begun: number
}

async function listen(prepare: (server: Http2SecureServer) => void, listener: RequestListener): Promise<Listening> {
  await using folder = await temporaryFolder()
  const pair = await newAuthority(folder.path).issue('server')
  const server = createSecureServer({ cert: await readFile(pair.certificate), key: await readFile(pair.key) })
  const connections = new Set<Socket>()
  const sessions = new Set<ServerHttp2Session>()
  let begun = 0
  server.on('connection', (socket: Socket) => connections.add(socket))
  server.on('request', listener as never)
  server.on('session', (session) => {
    sessions.add(session)
    begun++
    assert.ok(connections.has(connectionUnder(session.socket)))
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  prepare(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    server,
    sessions,
    get begun() {
      return begun
    },
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const connection of connections) connection.destroy()
      await closed
    },
  }
}

test('sessions end when their clients go away in the middle of large replies', { skip }, async () => {
  let replies = 0
  await using listening = await listen(
    (server) => endLostSessions(server, 20),
    (incoming, outgoing) => {
      replies++
      outgoing.once('close', () => replies--)
      pour(incoming, outgoing)
    },
  )
  for (let round = 0; round < 8; round++) {
    const before = poured
    const client = await connectFrames(listening.address)
    for (let stream = 1; stream < 20; stream += 2) client.request(stream, { ':path': '/' })
    await until('a part of the replies', () => client.socket.bytesRead > 10 * piece.length)
    // What it has not read makes the kernel say that it is gone at once (RST).
    client.socket.pause()
    await until('more to come', () => poured - before > client.socket.bytesRead + 10 * piece.length)
    client.socket.destroy()
  }
  await until('all sessions to have ended', () => listening.sessions.size === 0 && replies === 0)
})

test('an idle session is ended although its client takes nothing', { skip }, async () => {
  await using listening = await listen(
    (server) => endIdleSessions(server, { headerTimeout: 60_000, keepAliveTimeout: 10 }, 10),
    (incoming, outgoing) => {
      pour(incoming, outgoing)
      // As one in which nothing moves is cut in the end. By then, all room is full.
      setTimeout(() => outgoing.destroy(), 300)
    },
  )
  using client = await connectFrames(listening.address)
  client.socket.pause()
  client.request(1, { ':path': '/' })
  await until('its session', () => listening.begun === 1)
  await until('its end', () => listening.sessions.size === 0)
})

test('the kernel is asked about sessions that serve something, and about no idle ones', { skip }, async () => {
  const replies: ServerResponse[] = []
  const lookEveryMs = 5
  let [looks, passed] = [0, 0]
  await using listening = await listen(
    (server) => {
      endLostSessions(server, lookEveryMs)
      server.on('session', ({ socket }) => {
        const handle = (connectionUnder(socket) as unknown as { _handle: { getpeername(): number } })._handle
        const ask = handle.getpeername.bind(handle)
        handle.getpeername = (...into) => {
          looks++
          return ask(...into)
        }
      })
    },
    (_, outgoing) => void replies.push(outgoing),
  )
  using client = await connectFrames(listening.address)
  client.request(1, { ':path': '/' })
  await until('looks while it is served', () => looks > 2)
  const [reply] = replies
  const closed = once(reply!, 'close')
  reply!.end()
  await closed
  await new Promise((resolve) => setImmediate(resolve))
  const before = looks
  using _timer = setInterval(() => passed++, lookEveryMs)
  await until('time for more looks', () => passed > 10)
  assert.equal(looks, before)
  assert.equal(listening.sessions.size, 1)
})
