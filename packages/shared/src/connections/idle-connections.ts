import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { connectionUnder } from '../http/http2-stream.ts'

/**
 * The connections that have carried requests and carry none at the moment. They are kept for their clients' next requests,
 * and may be closed at any time (RFC 9112 section 9.5) to make room for a new connection.
 */
export class IdleConnections {
  readonly #underWay = new WeakMap<Socket, number>()
  /** In the order in which they became idle. */
  readonly #idle = new Set<Socket>()

  watch(server: Server): void {
    const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
      const connection = connectionUnder(incoming.socket)
      this.#count(connection, 1)
      outgoing.once('close', () => this.#count(connection, -1))
    }
    server.on('request', onRequest).on('checkContinue', onRequest)
  }

  /** To be called when a connection has closed. */
  forget(connection: Socket): void {
    this.#idle.delete(connection)
  }

  /**
   * Closes the fitting connection that has been idle for longest.
   *
   * @returns whether there was one
   */
  closeOne(fits: (connection: Socket) => boolean): boolean {
    const connection = this.#idle.values().find(fits)
    if (!connection) return false
    this.#idle.delete(connection)
    connection.destroy()
    return true
  }

  #count(connection: Socket, change: 1 | -1): void {
    const count = (this.#underWay.get(connection) ?? 0) + change
    this.#underWay.set(connection, count)
    if (count > 0) this.#idle.delete(connection)
    else if (!connection.destroyed) this.#idle.add(connection)
  }
}
