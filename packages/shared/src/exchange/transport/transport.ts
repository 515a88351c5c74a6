import type { EventEmitter } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http'
import type { Writable } from 'node:stream'

/** What HTTP/1 and HTTP/2 do in different ways for one request and its reply. */
export type Transport = {
  /** The stream in which the reply's bytes wait for the client. Its events tell that they are out, or lost. */
  readonly reply: Writable
  /** What the request travels on. When this closes, no more of the request comes. */
  readonly carrier: EventEmitter & { readonly destroyed: boolean }
  /** Whether this side has ended the reply, and all of it is out. */
  readonly isReplied: boolean
  /** Whether a reply may end while its request is still being sent. */
  readonly mayEndFirst: boolean
  /**
   * Writes a reply that is known as a whole.
   *
   * @param isLast whether the connection, or the stream, ends with it, and what the client still sends is not read
   */
  writeWhole(status: number, headers: OutgoingHttpHeaders, text: string | Buffer, isLast: boolean): void
  /** Ends what `writeWhole` has written. To be called when the request has been read, or will not be. */
  endWhole(): void
  /** Reads no more of a request that is being refused. */
  stopReading(): void
  /** Gives up a request whose rest is not wanted. */
  stopUpload(): void
  /** Ends the reply in a way that no client can take for its proper end. */
  cut(): void
}
