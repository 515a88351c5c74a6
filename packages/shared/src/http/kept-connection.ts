import type { ServerResponse } from 'node:http'

/**
 * Leaves out the `Connection` header where the connection is kept. In HTTP/1.1 that is the meaning of its absence (RFC 9112
 * section 9.3), and git's http-backend sends none; Node would send one, with `Keep-Alive`. To be called before the reply
 * begins.
 */
export function keepSilently(outgoing: ServerResponse): void {
  if (outgoing.shouldKeepAlive) outgoing.removeHeader('Connection')
}

/** Makes a reply announce that its connection closes after it. To be called before the reply begins. HTTP/2 has GOAWAY. */
export function closeAfter(outgoing: ServerResponse): void {
  outgoing.shouldKeepAlive = false
  outgoing.setHeader('Connection', 'close')
}
