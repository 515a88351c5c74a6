import type { ServerResponse } from 'node:http'

/**
 * In HTTP/1.1 a connection is kept where nothing is said (RFC 9112 section 9.3). git's http-backend says nothing, and Node
 * would say for how long. To be called before the reply begins.
 */
export function keepSilently(outgoing: ServerResponse): void {
  if (outgoing.shouldKeepAlive) outgoing.removeHeader('Connection')
}

/** Has a reply that has not begun say that it is the last of its connection. HTTP/2 has a word of its own for that. */
export function closeAfter(outgoing: ServerResponse): void {
  outgoing.shouldKeepAlive = false
  outgoing.setHeader('Connection', 'close')
}
