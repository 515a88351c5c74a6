import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { LoopTurn } from '../machine/loop-turn.ts'
import { connectionUnder } from './http2-stream.ts'

/** For so long may a request outlive its connection. A look at one takes ten microseconds and more. */
const lookEveryMs = 1000

/**
 * Ends HTTP/2 sessions whose connection is over, where Node 24 does not notice. A client goes away while much is being sent
 * to it. The write that fails (EPIPE) counts as done, the next one is never done, and as long as one is under way Node reads
 * nothing. So nobody learns of the end, neither the streams nor the session ever close, and not even `session.destroy()`
 * gives the connection back. The kernel knows. Only sessions with streams are looked at: idle ones end by themselves
 * (`endIdleSessions`), and there may be ten thousand.
 */
export function endLostSessions(server: Http2SecureServer, everyMs = lookEveryMs): void {
  const connections = new Set<Socket>()
  server.on('session', (session: ServerHttp2Session) => {
    const connection = connectionUnder(session.socket)
    let open = 0
    session.on('stream', (stream: ServerHttp2Stream) => {
      if (open++ === 0) connections.add(connection)
      stream.once('close', () => {
        if (--open === 0) connections.delete(connection)
      })
    })
    connection.once('close', () => connections.delete(connection))
  })
  let isLooking = false
  const look = async () => {
    if (isLooking) return
    isLooking = true
    const turn = new LoopTurn()
    for (const connection of connections) {
      if (isLost(connection)) connection.destroy()
      await turn.letOthers()
    }
    isLooking = false
  }
  const timer = setInterval(() => void look(), everyMs)
  timer.unref()
  server.once('close', () => clearInterval(timer))
}

/** getpeername(2) finds no other side once a connection was reset, or closed by both sides. Node's own address is older. */
function isLost(connection: Socket): boolean {
  const handle = '_handle' in connection ? (connection._handle as Handle | null) : null
  return handle?.getpeername?.({}) === -constants.errno.ENOTCONN
}

type Handle = { getpeername?(into: object): number }
