import type { Http2SecureServer, ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { connectionUnder } from './http2-stream.ts'

/** For so long may a session outlive its connection. A look is one call of the system for each session. */
const lookEveryMs = 1000

/**
 * Ends HTTP/2 sessions whose connection is over, where Node 24 does not notice. A client goes away while much is being sent
 * to it. The write that fails (EPIPE) counts as done, the next one is never done, and as long as one is under way Node reads
 * nothing. So nobody learns of the end, neither the streams nor the session ever close, and not even `session.destroy()`
 * gives the connection back. The kernel knows.
 */
export function endLostSessions(server: Http2SecureServer, everyMs = lookEveryMs): void {
  const connections = new Set<Socket>()
  server.on('session', (session: ServerHttp2Session) => {
    const connection = connectionUnder(session.socket)
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
  })
  const timer = setInterval(() => {
    for (const connection of connections) if (isLost(connection)) connection.destroy()
  }, everyMs)
  timer.unref()
  server.once('close', () => clearInterval(timer))
}

/** getpeername(2) finds no other side once a connection was reset, or closed by both sides. Node's own address is older. */
function isLost(connection: Socket): boolean {
  const handle = '_handle' in connection ? (connection._handle as Handle | null) : null
  return handle?.getpeername?.({}) === -constants.errno.ENOTCONN
}

type Handle = { getpeername?(into: object): number }
