import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Exchange } from '../exchange/exchange.ts'
import { connectionUnder, http2StreamOf } from '../http/http2-stream.ts'
import { IdleConnections } from './idle-connections.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { Reason } from '../refusal/reasons.ts'
import { plainAddress, clientKey } from '../admission/client-key.ts'

/**
 * How many connections beyond the limits are accepted, so that they can be refused in words. Any more are closed at
 * once.
 */
const refusedAtOnce = 64

export type ConnectionLimits = {
  readonly limit: number
  /** How many connections one client address may hold. */
  readonly perAddress?: number
  /**
   * Whether an address is a proxy's, whose connections carry the requests of many clients. By default, every address
   * is.
   */
  readonly isProxy?: (address: string | undefined) => boolean
  /** How many HTTP/2 requests may be open on all connections together. */
  readonly streams?: number
  /** Whether an idle connection is closed to make room for a new one, the longest idle first. */
  readonly closesIdle?: boolean
}

/**
 * The connections of a server, bounded in all and by client address. Unlike the server's own count, this one includes
 * connections that have sent nothing yet. One with TLS counts once, and before its handshake.
 */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #open = new Set<Socket>()
  readonly #tooMany = new Map<Socket, Reason>()
  readonly #byAddress = new Map<string, number>()
  readonly #keys = new WeakMap<Socket, string>()
  readonly #idle: IdleConnections | undefined
  /** How to end a connection that carries TLS or HTTP/2. */
  readonly #endings = new WeakMap<Socket, () => void>()
  readonly #asked = new WeakSet<Socket>()
  #streams = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
    this.#idle = limits.closesIdle ? new IdleConnections() : undefined
  }

  get size(): number {
    return this.#open.size
  }

  /** How many connections have carried no request yet. */
  get unasked(): number {
    return this.#open.size - [...this.#open].filter((socket) => this.#asked.has(socket)).length
  }

  [Symbol.iterator](): IterableIterator<Socket> {
    return this.#open.values()
  }

  /** To be called before the server listens. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#add(socket))
    this.#idle?.watch(server)
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol !== 'h2') this.#endings.set(connectionUnder(socket), () => socket.destroySoon())
    })
    server.on('session', (session: ServerHttp2Session) => {
      this.#endings.set(connectionUnder(session.socket), () => session.close())
    })
    const onRequest = ({ socket }: IncomingMessage) => this.#asked.add(connectionUnder(socket))
    server.on('request', onRequest).on('checkContinue', onRequest)
    server.on('stream', (stream: ServerHttp2Stream) => {
      this.#streams++
      stream.once('close', () => this.#streams--)
    })
  }

  /**
   * Checks that the exchange's connection, or its HTTP/2 stream, is within the limits. A connection that is not closes
   * after the reply.
   *
   * @throws {Refusal}
   */
  check({ incoming, outgoing }: Exchange): void {
    const reason = this.#tooMany.size > 0 && this.#tooMany.get(connectionUnder(incoming.socket))
    if (reason) throw new Refusal(reason, { headers: { Connection: 'close' } })
    const { streams = Infinity } = this.#limits
    if (this.#streams > streams && http2StreamOf(outgoing)) throw new Refusal('too_many_connections')
  }

  /** Ends a connection as soon as what is being sent over it is out. */
  end(connection: Socket): void {
    const ending = this.#endings.get(connection)
    if (ending) ending()
    else connection.destroySoon()
  }

  /** Ends all connections at once. */
  destroyAll(): void {
    for (const connection of this.#open) connection.destroy()
  }

  #add(socket: Socket): void {
    const { limit, perAddress = Infinity, isProxy = () => true } = this.#limits
    this.#open.add(socket)
    const address = socket.remoteAddress
    const key = address === undefined || isProxy(address) ? undefined : clientKey(plainAddress(address))
    const ofThis = key === undefined ? 0 : this.#count(key, 1)
    if (key !== undefined) this.#keys.set(socket, key)
    // An address that has its share makes room with a connection of its own.
    if (ofThis > perAddress) this.#makeRoom(socket, 'client_full', (other) => this.#keys.get(other) === key)
    else if (this.size > limit) this.#makeRoom(socket, 'too_many_connections', () => true)
    if (this.#tooMany.has(socket) && this.#tooMany.size > refusedAtOnce) socket.destroy()
    socket.on('close', () => {
      this.#open.delete(socket)
      this.#tooMany.delete(socket)
      this.#idle?.forget(socket)
      if (key !== undefined) this.#count(key, -1)
    })
  }

  #makeRoom(socket: Socket, reason: Reason, fits: (other: Socket) => boolean): void {
    if (!this.#idle?.closeOne(fits)) this.#tooMany.set(socket, reason)
  }

  #count(key: string, change: 1 | -1): number {
    const count = (this.#byAddress.get(key) ?? 0) + change
    if (count === 0) this.#byAddress.delete(key)
    else this.#byAddress.set(key, count)
    return count
  }
}
