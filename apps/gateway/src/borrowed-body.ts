import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { Refusal } from '@sluice/shared/refusal'

/**
 * A request's body, lent to undici: read at undici's pace, but what undici does to it when a reply comes early, which is
 * to destroy it, does not reach the client's connection. That one still has to carry the reply.
 */
export class BorrowedBody extends Readable {
  readonly #incoming: IncomingMessage
  readonly #onData: (chunk: Buffer) => void
  readonly #onEnd = () => this.push(null)
  readonly #onClose = () => {
    if (!this.#incoming.readableEnded) this.destroy(new Refusal('client_gone'))
  }

  constructor(incoming: IncomingMessage, onBytes: (count: number) => void) {
    super({ highWaterMark: incoming.readableHighWaterMark })
    this.#incoming = incoming
    this.#onData = (chunk) => {
      onBytes(chunk.length)
      if (!this.push(chunk)) incoming.pause()
    }
    incoming.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
    incoming.pause()
  }

  override _read(): void {
    this.#incoming.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Not paused: the exchange may be draining it already.
    this.#incoming.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    callback(error)
  }
}
