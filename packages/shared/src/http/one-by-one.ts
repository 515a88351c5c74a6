import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { http2StreamOf } from './http2-stream.ts'

/**
 * The most requests that may wait on one connection. Beyond it, the connection is closed: no client that means to read
 * the replies sends so many ahead.
 */
const mostWaiting = 1024

type Begin = () => unknown

/**
 * Begins a request when the reply to the one before it on its connection is out, in a turn of the event loop of its own.
 * Node hands over in one turn all that a client has sent ahead. 64 KiB hold two thousand requests, and to begin them all at
 * once would stop everybody else. The replies leave in this order in any case (RFC 9112 section 9.3.2).
 *
 *     first ──▶ begins ──▶ its reply is out ──▶ next turn ──▶ the next begins ──▶ …
 *                                 └──▶ the connection is over ──▶ the rest is forgotten
 *
 * For HTTP/1; HTTP/2 has `oneATurn`.
 */
export function oneByOne(listener: RequestListener): RequestListener {
  /** What waits on each connection that has a request under way. */
  const lines = new WeakMap<Socket, Begin[]>()

  function begin(incoming: IncomingMessage, outgoing: ServerResponse, line: Begin[]): void {
    const { socket } = incoming
    outgoing.once('close', () => {
      const next = line.shift()
      if (next) setImmediate(next)
      else lines.delete(socket)
    })
    listener(incoming, outgoing)
  }

  return (incoming, outgoing) => {
    const { socket } = incoming
    const line = lines.get(socket)
    if (line === undefined) {
      const own: Begin[] = []
      lines.set(socket, own)
      begin(incoming, outgoing, own)
    } else if (line.length < mostWaiting) {
      // A connection that has closed emits no more `close` of a reply, so the requests that wait are dropped here.
      line.push(() => (socket.writable ? begin(incoming, outgoing, line) : line.splice(0)))
    } else {
      socket.destroy()
    }
  }
}

/**
 * The same for HTTP/2, where requests do not wait for each other's replies. Requests that come at once on one connection
 * begin in a turn each. One that was cancelled before its turn costs next to nothing.
 */
export function oneATurn(listener: RequestListener): RequestListener {
  /** What waits on each connection on which a request has begun in this turn. */
  const lines = new WeakMap<Http2Session, Begin[]>()

  function goOn(session: Http2Session, line: Begin[]): void {
    const next = line.shift()
    if (!next) return void lines.delete(session)
    next()
    setImmediate(goOn, session, line)
  }

  return (incoming, outgoing) => {
    const stream = http2StreamOf(outgoing)
    const session = stream?.session
    if (!stream || !session) return listener(incoming, outgoing)
    const line = lines.get(session)
    const begin = () => !stream.destroyed && listener(incoming, outgoing)
    if (line) return void line.push(begin)
    const own = [begin]
    lines.set(session, own)
    goOn(session, own)
  }
}
