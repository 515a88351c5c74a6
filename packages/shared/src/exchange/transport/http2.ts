import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { resetStream, stopUpload } from '../../http/http2-stream.ts'
import type { Transport } from './transport.ts'

/** A request and its reply over HTTP/2, which are a stream among others on their connection (RFC 9113). */
export class Http2Transport implements Transport {
  readonly reply: ServerHttp2Stream
  readonly carrier: ServerHttp2Stream
  readonly mayEndFirst = true
  readonly #outgoing: ServerResponse

  constructor(stream: ServerHttp2Stream, outgoing: ServerResponse) {
    this.reply = stream
    this.carrier = stream
    this.#outgoing = outgoing
  }

  /**
   * If the client cancels the stream, Node finishes the reply by itself. Only `writableEnded` tells that this side did.
   */
  get isReplied(): boolean {
    return this.#outgoing.writableFinished && this.#outgoing.writableEnded
  }

  /** No header closes an HTTP/2 connection, so the session is told to close. */
  writeWhole(
    status: number,
    { Connection: connection, ...headers }: OutgoingHttpHeaders,
    text: string | Buffer,
    isLast: boolean,
  ): void {
    this.#outgoing.writeHead(status, headers)
    this.#outgoing.end(text)
    if (connection === 'close') this.reply.session?.close()
    if (isLast) this.stopUpload()
  }

  endWhole(): void {
    // `writeWhole` has ended it.
  }

  stopReading(): void {
    // No more than the stream's window can come.
  }

  stopUpload(): void {
    stopUpload(this.carrier)
  }

  cut(): void {
    resetStream(this.reply)
  }
}
