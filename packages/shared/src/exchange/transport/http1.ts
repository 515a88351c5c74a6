import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { keepSilently } from '../../http/kept-connection.ts'
import type { Transport } from './transport.ts'

/** A request and its reply over HTTP/1.0 or HTTP/1.1, which have the connection to themselves (RFC 9112). */
export class Http1Transport implements Transport {
  readonly reply: ServerResponse
  readonly carrier: Socket
  /**
   * If the reply ended first, the connection could close while the client still sends. The client would not read the
   * reply.
   */
  readonly mayEndFirst = false
  readonly #incoming: IncomingMessage

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#incoming = incoming
    this.reply = outgoing
    this.carrier = incoming.socket
    if (incoming.httpVersionMinor > 0) keepSilently(outgoing)
  }

  get isReplied(): boolean {
    return this.reply.writableFinished
  }

  writeWhole(status: number, headers: OutgoingHttpHeaders, text: string | Buffer, isLast: boolean): void {
    this.reply.writeHead(status, isLast ? { ...headers, Connection: 'close' } : headers)
    this.reply.write(text)
  }

  endWhole(): void {
    this.reply.end()
  }

  /** Megabytes may wait in the kernel, which would all be read in one turn of the event loop. */
  stopReading(): void {
    this.carrier.pause()
  }

  stopUpload(): void {
    this.#incoming.destroy()
  }

  cut(): void {
    const { socket } = this.reply
    // HTTP/1.0 has no chunks, so only a reset distinguishes a reply that was cut from one that has ended.
    if (this.#incoming.httpVersionMinor === 0 && socket && 'remoteAddress' in socket && socket.remoteAddress) {
      socket.resetAndDestroy()
    }
    this.reply.destroy()
  }
}
