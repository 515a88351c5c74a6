import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'

/**
 * The HTTP/2 stream or the connection under a request. Node gives HTTP/2 requests (RFC 9113) the interface of HTTP/1
 * requests. A few things can be known or done through the stream only.
 */

/** The HTTP/2 stream of a request or a reply; undefined in HTTP/1. */
export function http2StreamOf(message: IncomingMessage | ServerResponse): ServerHttp2Stream | undefined {
  return 'stream' in message ? (message.stream as ServerHttp2Stream) : undefined
}

/** Ends a stream with an error code (RST_STREAM). Merely closing it could look like the end of a reply. */
export function resetStream(stream: ServerHttp2Stream): void {
  stream.destroy(new Error('The reply is not whole.'))
}

/** Tells a client that has its reply to send no more of the request (RFC 9113 section 8.1). */
export function stopUpload(stream: ServerHttp2Stream): void {
  if (!stream.closed) stream.close(constants.NGHTTP2_NO_ERROR)
}

/** The TCP connection or unix socket under a TLS socket, or under a session's socket; any other socket itself. */
export function connectionUnder(socket: Socket): Socket {
  // Read, and not asked after: what stands for a session's socket knows its properties, but not which ones it has.
  return (socket as { readonly _parent?: Socket | null })._parent ?? socket
}
