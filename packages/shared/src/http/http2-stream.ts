import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'

/**
 * What is under a request: Node gives requests over HTTP/2 (RFC 9113) the looks of those over HTTP/1, but a few things can
 * only be said of, and to, the stream itself.
 */

/** The HTTP/2 stream of a request or a reply; undefined in HTTP/1. */
export function http2StreamOf(message: IncomingMessage | ServerResponse): ServerHttp2Stream | undefined {
  return 'stream' in message ? (message.stream as ServerHttp2Stream) : undefined
}

/** Ends a stream with an error code (RST_STREAM), whatever the client does. Closing it could look like a reply's end. */
export function resetStream(stream: ServerHttp2Stream): void {
  stream.destroy(new Error('The reply is not whole.'))
}

/** Once a reply is out, tells its client that no more of the request is wanted (RFC 9113 section 8.1). */
export function stopUpload(stream: ServerHttp2Stream): void {
  if (!stream.closed) stream.close(constants.NGHTTP2_NO_ERROR)
}

/** The connection that a socket is carried by: itself, or with TLS the one below, which was there first. */
export function connectionUnder(socket: Socket): Socket {
  const below: unknown = '_parent' in socket ? socket._parent : undefined
  return (below as Socket | null | undefined) ?? socket
}
