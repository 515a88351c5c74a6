import type { Http2SecureServer, SecureServerOptions, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { connectionUnder, stopUpload } from './http2-stream.ts'

/** How long a session that has been told to end may take to send what is left. */
const lastWordsMs = 5000

/** How long the rest of a request's body may take after the reply. Longer than an exchange drains it. */
const restOfBodyMs = 10_000

/** How many bytes of a body a client may send on a stream before any are read. An upload gets at most this per round trip. */
export const http2WindowBytes = 256 * 1024

/** As in HTTP/1: Node's own limit. */
const maxHeaderBytes = 16 * 1024

/**
 * The bounds of an HTTP/2 session (RFC 9113 section 10.5). nghttp2 itself ends one that floods it with pings, settings or
 * continuations.
 */
export const http2Limits = {
  settings: {
    enablePush: false,
    maxConcurrentStreams: 100,
    initialWindowSize: http2WindowBytes,
    maxHeaderListSize: maxHeaderBytes,
  },
  // In megabytes. Beyond it, a session gets no new streams.
  maxSessionMemory: 10,
  maxHeaderListPairs: 128,
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  // How many streams may be opened and cancelled at once (CVE-2023-44487), and how many more each second.
  streamResetBurst: 200,
  streamResetRate: 33,
} as const satisfies SecureServerOptions

/** Ends idle sessions, for which Node has no limit. Times are in milliseconds. */
export function endIdleSessions(
  server: Http2SecureServer,
  { headerTimeout, keepAliveTimeout }: { headerTimeout: number; keepAliveTimeout: number },
  lastWords = lastWordsMs,
): void {
  server.on('session', (session: ServerHttp2Session) => {
    const connection = connectionUnder(session.socket)
    let open = 0
    const end = () => {
      session.close()
      // `session.destroy()` would wait for what is being written, and the client may never take that.
      timer = setTimeout(() => connection.destroy(), lastWords)
    }
    let timer = setTimeout(end, headerTimeout)
    session.on('stream', (stream: ServerHttp2Stream) => {
      open++
      clearTimeout(timer)
      stream.once('finish', () => limitRestOfBody(stream))
      stream.once('close', () => {
        if (--open === 0 && !session.destroyed) timer = setTimeout(end, keepAliveTimeout)
      })
    })
    session.on('close', () => clearTimeout(timer))
  })
}

function limitRestOfBody(stream: ServerHttp2Stream): void {
  const timer = setTimeout(() => stopUpload(stream), restOfBodyMs)
  stream.once('close', () => clearTimeout(timer))
}
