import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { RemoteRequest } from '../lfs/remote-request.ts'
import { malformedBody } from '../http/http-server.ts'
import { Refusal } from '../refusal/refusal.ts'
import { ByteCounters } from './byte-counters.ts'
import { transportOf } from './transport/transport-of.ts'
import { IdleDeadline } from './idle-deadline.ts'
import { isAskedDirectly } from './upload/interim-replies.ts'
import { refusalReply } from './reply/refusal-reply.ts'
import { finishReply, replyWhole } from './reply/reply.ts'
import { requestIdOf } from './request-id.ts'
import type { Transport } from './transport/transport.ts'
import { probeWhileUnread } from './upload/unread-upload.ts'
import { speedWindowMs, watchSpeed } from './upload/upload-speed.ts'
import { Upload } from './upload/upload.ts'

export type ExchangeOptions = {
  /** The client's IP address, or `local`. */
  readonly clientAddress: string
  /** The user, if one is known. */
  readonly user?: string | undefined
  /** Whether the client understands `102 Processing`. It is sent none where a proxy may stand in between. */
  readonly takesInterimReplies: boolean
}

/**
 * One HTTP request and its reply, in the gateway or in the host: its id, what it has moved, and the signal that ends its
 * work. The first reason to end it wins.
 *
 * The limits begin when they are set, end the exchange with a refusal of their own, and stop with the connection.
 */
export class Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** From `X-Request-Id` if that is a plain token, else a new one. */
  readonly id: string
  /** The client's IP address, or `local`. */
  readonly clientAddress: string
  /** The user, once known; undefined if nobody has logged in. */
  user: string | undefined
  /** The status that a refusal stands for, if the reply tells it in git's own protocol with status 200. */
  standsFor: number | undefined
  readonly #startedAt = performance.now()
  readonly #controller = new AbortController()
  readonly #counters = new ByteCounters()
  #firstByteMs: number | undefined
  readonly #transport: Transport
  readonly #upload: Upload
  readonly #idle: IdleDeadline
  readonly #takesInterimReplies: boolean

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, options: ExchangeOptions) {
    this.incoming = incoming
    this.outgoing = outgoing
    this.id = requestIdOf(incoming)
    this.clientAddress = options.clientAddress
    this.user = options.user
    this.#transport = transportOf(incoming, outgoing)
    this.#upload = new Upload(incoming, outgoing, this.#transport, (count) => this.received(count))
    this.#idle = new IdleDeadline(
      () => this.#upload.isStarved || this.#transport.reply.writableLength > 0,
      (reason) => this.abort(new Refusal(reason)),
    )
    this.#takesInterimReplies = options.takesInterimReplies && isAskedDirectly(incoming)
    incoming.on('error', () => {}) // A client that breaks off: told by 'close' below.
    incoming.on(malformedBody, () => this.abort(new Refusal('bad_body')))
    outgoing.on('error', () => {})
    outgoing.on('close', () => {
      this.#idle.stop()
      if (!this.#transport.isReplied) this.abort(new Refusal('client_gone'))
    })
  }

  /** Aborted when the work for this exchange must end; the reason is a Refusal. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get bytesIn(): number {
    return this.#counters.bytesIn
  }

  get bytesOut(): number {
    return this.#counters.bytesOut
  }

  get milliseconds(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }

  /** From the request to the first byte of the reply's body; undefined before it. */
  get firstByteMs(): number | undefined {
    return this.#firstByteMs
  }

  abort(reason: Refusal): void {
    this.#controller.abort(reason)
  }

  /** To be called with the size of each piece of the request's body. */
  received(count: number): void {
    this.#counters.received(count)
    this.#idle.moved()
    if (this.#counters.comesInTinyPieces && !this.signal.aborted) {
      this.#transport.stopReading()
      this.abort(new Refusal('tiny_pieces'))
    }
  }

  /** To be called with the size of each piece of the reply's body. */
  sent(count: number): void {
    this.#firstByteMs ??= this.milliseconds
    this.#counters.sent(count)
    this.#idle.moved()
  }

  /**
   * Ends the exchange when nothing is received or sent for so many milliseconds. Replaces the earlier limit.
   *
   * @param silentMs the limit while git is waited for, not the client
   * @param isStuck asked while git is waited for: whether waiting is pointless
   */
  limitIdleness(milliseconds: number, silentMs?: number, isStuck?: () => Promise<boolean>): void {
    this.#idle.stop()
    if (!this.#transport.reply.destroyed) this.#idle.start({ idleMs: milliseconds, silentMs, isStuck })
  }

  /** Ends the exchange after so many milliseconds, even if bytes still move. */
  limitDuration(milliseconds: number): void {
    const timer = setTimeout(() => this.abort(new Refusal('request_timeout')), milliseconds)
    this.outgoing.on('close', () => clearTimeout(timer))
  }

  /** Ends the exchange if the client sends less of its body than this over two minutes in which it was waited for. */
  limitSlowness(bytesPerSecond: number, windowMs = speedWindowMs): void {
    watchSpeed(this.#parts, bytesPerSecond, windowMs, () => this.abort(new Refusal('slow_upload')))
  }

  /** Notices that the client leaves while its body is not read (it waits for a slot, git is busy), until the reply begins. */
  watchUnreadBody(): void {
    if (this.#takesInterimReplies) probeWhileUnread(this.#parts)
  }

  /** To be called before the body is read: a client that asked first (`Expect: 100-continue`) begins to send it now. */
  invite(): void {
    this.#upload.invite()
  }

  /**
   * Answers with the reason, or cuts the connection if a reply has begun: a part must never look like a whole.
   *
   * @param request what git has asked for, if it may be told in its own protocol
   */
  async refuse(refusal: Refusal, request?: RemoteRequest): Promise<void> {
    if (this.#transport.reply.destroyed) return
    if (this.outgoing.headersSent) return this.#transport.cut()
    const { status, text, headers, standsFor } = refusalReply(refusal, this.incoming, this.id, request)
    if (standsFor !== undefined) {
      this.standsFor = standsFor
      this.invite()
    }
    await this.reply(status, text, headers)
  }

  async replyJson(status: number, body: unknown): Promise<void> {
    await this.reply(status, `${JSON.stringify(body)}\n`, { 'Content-Type': 'application/json' })
  }

  /** Sends a short reply that is known as a whole. */
  async reply(status: number, text: string | Buffer, headers: OutgoingHttpHeaders): Promise<void> {
    await replyWhole(this.#parts, status, text, headers, (count) => this.sent(count))
  }

  /**
   * Ends a reply whose bytes have all been written, and waits until they are out.
   *
   * @throws {Refusal} if the exchange is aborted before that
   */
  async finish(): Promise<void> {
    const isRefusal = this.outgoing.statusCode >= 400 || this.standsFor !== undefined
    await finishReply(this.#parts, isRefusal)
  }

  /**
   * Reads on before a reply ends, up to `maxBytes`, as long as bytes come: some clients send everything before they
   * read anything. A client that pauses may be waiting for the reply.
   *
   * @throws {Refusal} if the exchange is aborted meanwhile
   */
  async readOn(maxBytes: number): Promise<void> {
    await this.#upload.readOn(maxBytes, this.signal)
    this.signal.throwIfAborted()
  }

  /** What the functions of `reply/` and `upload/` need. */
  get #parts() {
    const { outgoing, signal } = this
    return { outgoing, signal, transport: this.#transport, upload: this.#upload, counters: this.#counters }
  }
}
