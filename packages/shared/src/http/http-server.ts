import { createServer } from 'node:http'
import type { RequestListener, Server, ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { errnoOf } from '../machine/errno.ts'
import { closeAfter } from './kept-connection.ts'
import { endIdleSessions, http2Limits } from './http2-sessions.ts'
import { endLostSessions } from './lost-connections.ts'
import { oneATurn, oneByOne } from './one-by-one.ts'
import type { TlsMaterial } from './tls-files.ts'
import { cutUnreadReplies } from './unread-replies.ts'

/** How often Node looks for connections whose headers are late. */
const lookForLateMs = 1000

/** After so much silence of a connection, the kernel asks whether the other machine is still there (tcp(7), SO_KEEPALIVE). */
const keepAliveProbeMs = 60_000

export type HttpServerOptions = {
  /** Milliseconds from a connection's or a request's beginning to the end of its headers. */
  readonly headerTimeout: number
  /** Milliseconds for which an idle connection is kept for another request. */
  readonly keepAliveTimeout: number
}

/**
 * Node's HTTP server, set up for bodies that take hours. The time of a whole request is not limited here; its silence is
 * limited by `Exchange.limitIdleness`. A client that asks before it sends (`Expect: 100-continue`) is told to go on by
 * `Exchange.invite`.
 */
export function createHttpServer(listener: RequestListener, options: HttpServerOptions): Server {
  const ofHttp1 = forHttp1(listener)
  const server = createServer(limitsFor(options), ofHttp1)
  server.on('checkContinue', ofHttp1)
  server.on('clientError', answerUnparsable)
  cutUnreadReplies(server)
  return server
}

export type TlsServerOptions = HttpServerOptions & {
  readonly tls: TlsMaterial
  /** Is told of a connection that failed before its first request: the code, such as ERR_SSL_HTTP_REQUEST, and the address. */
  readonly onTlsProblem: (code: string, address: string | undefined) => void
}

/**
 * The same with TLS, for the link between gateway and host. A client without a certificate is let in, since probes have none;
 * the listener checks the certificate of a gateway.
 */
export function createHttpsServer(listener: RequestListener, options: TlsServerOptions): HttpsServer {
  const { tls, headerTimeout } = options
  const asks = { requestCert: tls.ca !== undefined, rejectUnauthorized: false }
  const server = createTlsServer({ ...limitsFor(options), ...tls, ...asks, handshakeTimeout: headerTimeout })
  return prepareTls(server, listener, options)
}

/**
 * The same with TLS, and with HTTP/2 for clients that offer it (RFC 7301). Node gives HTTP/2 requests the interface of HTTP/1
 * requests.
 */
export function createHttp2Server(listener: RequestListener, options: TlsServerOptions): Http2SecureServer {
  const limits = { ...limitsFor(options), ...http2Limits, handshakeTimeout: options.headerTimeout }
  const server = createSecureServer({ ...limits, ...options.tls, allowHTTP1: true })
  endIdleSessions(server, options)
  endLostSessions(server)
  return prepareTls(server, listener, options)
}

function prepareTls<S extends HttpsServer | Http2SecureServer>(
  server: S,
  listener: RequestListener,
  { onTlsProblem }: TlsServerOptions,
): S {
  const ofHttp1 = forHttp1(listener) as Parameters<S['on']>[1]
  server.on('request', ofHttp1)
  server.on('checkContinue', ofHttp1)
  server.on('clientError', answerUnparsable)
  cutUnreadReplies(server)
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    onTlsProblem(errnoOf(error), socket.remoteAddress)
    socket.destroy()
  })
  return server
}

/**
 * Refuses every version but HTTP/1.0, HTTP/1.1 and real HTTP/2: Node's parser takes any version that a request line names,
 * and a client of another version would read the reply by other rules. Requests that are sent ahead begin one at a time.
 */
export function forHttp1(listener: RequestListener): RequestListener {
  const ofHttp1 = oneByOne(listener)
  const ofHttp2 = oneATurn(listener)
  return (incoming, outgoing) => {
    if ('stream' in outgoing) return ofHttp2(incoming, outgoing)
    if (incoming.httpVersionMajor === 1) return ofHttp1(incoming, outgoing)
    outgoing.on('error', () => {})
    closeAfter(outgoing)
    outgoing.writeHead(505, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': wrongVersion.length })
    outgoing.end(wrongVersion)
  }
}

const wrongVersion = 'This server speaks HTTP/1.0 and HTTP/1.1 here, and HTTP/2 where it has been agreed on with TLS.\n'

function limitsFor({ headerTimeout, keepAliveTimeout }: HttpServerOptions) {
  return {
    requestTimeout: 0,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveProbeMs,
    headersTimeout: headerTimeout,
    connectionsCheckingInterval: lookForLateMs,
    keepAliveTimeout,
  }
}

/** A reply that has begun can no longer announce in its head that it is the last. */
function endConnectionAfter(outgoing: ServerResponse): void {
  if (outgoing.headersSent) outgoing.shouldKeepAlive = false
  else closeAfter(outgoing)
}

/**
 * What Node's parser refuses never becomes a request, and is answered with a sentence. There are two exceptions. If the
 * malformed part is the body of a request that is being served, that request gets the event `malformedBody` and
 * answers. If it follows a whole request, that request is served to its end, and the connection closes after it.
 */
function answerUnparsable(error: Error, socket: Duplex): void {
  const underWay = '_httpMessage' in socket ? (socket._httpMessage as ServerResponse | null) : null
  // On a TLS port, a client without TLS cannot read an answer, nor can one whose handshake failed.
  const isSecured =
    !('encrypted' in socket) || ('getProtocol' in socket && (socket as TLSSocket).getProtocol() !== null)
  if (underWay !== null && socket.writable && isMalformed(error)) {
    if (underWay.req.complete) endConnectionAfter(underWay)
    else if (!underWay.req.emit(malformedBody)) socket.destroy()
    return
  }
  if (!socket.writable || underWay !== null || !isSecured) {
    socket.destroy()
    return
  }
  const { status, sentence } = answers[errnoOf(error)] ?? malformed
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${sentence.length + 1}`,
      'Connection: close',
      '',
      `${sentence}\n`,
    ].join('\r\n'),
  )
}

/** The event of a request whose body the parser cannot read. */
export const malformedBody = 'malformedBody'

/** Whether what was sent is at fault. A broken connection, or one that ends in mid-request, is something else. */
function isMalformed(error: Error): boolean {
  const code = errnoOf(error)
  return code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE'
}

const malformed = { status: '400 Bad Request', sentence: 'This is not a well-formed HTTP request.' }

const answers: Record<string, typeof malformed> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    sentence: 'The address and the headers together are too large: at most 16 KiB.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', sentence: 'The request did not arrive in time.' },
}
