import type { IncomingMessage, ServerResponse } from 'node:http'
import { forgetRest } from './forget-rest.ts'
import type { Transport } from '../transport/transport.ts'

/** What is left of a body is read within these limits, so that the client gets to read its reply (RFC 9112 section 9.6). */
const maxDrainBytes = 16 * 1024 * 1024
const maxDrainMs = 5000

/** The body of a request, on its way from the client. */
export class Upload {
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #transport: Transport
  readonly #onBytes: (count: number) => void
  /** The client asks before it sends (`Expect: 100-continue`, RFC 9110 section 10.1.1). */
  readonly #asksFirst: boolean
  #mayCome: boolean

  /** @param onBytes called with the size of what is read here and forgotten */
  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    transport: Transport,
    onBytes: (count: number) => void,
  ) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#transport = transport
    this.#onBytes = onBytes
    this.#asksFirst = /^100-continue$/i.test(incoming.headers.expect ?? '')
    this.#mayCome = !this.#asksFirst
  }

  /** Whether the client sends its body without asking, or has been told to go on. */
  get mayCome(): boolean {
    return this.#mayCome
  }

  /** Whether the client may send more of it. */
  get isUnderWay(): boolean {
    return this.#mayCome && !this.#incoming.complete
  }

  /** Whether the client has to send more before anybody can read more. */
  get isStarved(): boolean {
    return this.isUnderWay && this.#incoming.readableLength === 0
  }

  /** The same, and somebody is reading. */
  get isWaitedFor(): boolean {
    return this.isStarved && !this.#incoming.isPaused()
  }

  /** Tells a client that asked first to go on. To be called before the body is read. */
  invite(): void {
    if (!this.#asksFirst || this.#mayCome) return
    this.#mayCome = true
    this.#outgoing.writeContinue()
  }

  /** Reads the rest and forgets it, up to so many bytes and for as long as they come, or until the signal is aborted. */
  async readOn(maxBytes: number, signal: AbortSignal): Promise<void> {
    await this.#forgetRest({ maxBytes, maxMs: maxDrainMs, timed: 'pauses', signal })
  }

  /**
   * Reads the rest and forgets it. If there is too much, or it takes too long, the connection or the stream is given
   * up. No signal ends this, because it also serves exchanges that have been aborted.
   */
  async drain(): Promise<void> {
    const how = await this.#forgetRest({ maxBytes: maxDrainBytes, maxMs: maxDrainMs, timed: 'whole' })
    if (how === 'too much') this.#transport.stopUpload()
  }

  #forgetRest(limits: Parameters<typeof forgetRest>[1]): ReturnType<typeof forgetRest> {
    const rest = { incoming: this.#incoming, carrier: this.#transport.carrier, onBytes: this.#onBytes }
    return forgetRest(rest, limits)
  }
}
