import { randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { onClose } from '../http/connection-close.ts'
import { http2StreamOf, isReplied, resetStream, stopUpload } from '../http/http2-stream.ts'
import { malformedBody } from '../http/http-server.ts'
import { keepSilently } from '../http/kept-connection.ts'
import { interimReplyDueAt, isAskedDirectly } from './interim-replies.ts'
import { inBandRefusal } from '../git/in-band-refusal.ts'
import type { GitRequest } from '../git/git-route.ts'
import { Refusal } from '../refusal/refusal.ts'

/** A refused request's body is read on for so long, so that the client gets to read the refusal (RFC 9112 section 9.6). */
const maxDrainBytes = 16 * 1024 * 1024
const maxDrainMs = 5000

/** How often a client with an unread body is looked at. */
const lookAtUnreadEveryMs = 250

/**
 * Over what time the speed of an upload is judged. Slow machines compute for a minute between two pieces of a pack, and
 * send nothing meanwhile.
 */
const slownessWindowMs = 120_000

/** After so many pieces of a body they must have had so many bytes each on average: each costs as much as a large one. */
const manyPieces = 4096
const leastPieceBytes = 16

export type ExchangeOptions = {
  /** The client's IP address, or `local`. */
  readonly clientAddress: string
  /** Who asks, where that is known. */
  readonly user?: string | undefined
  /** Whether the client understands `102 Processing`. It is sent none where a proxy may stand in between. */
  readonly takesInterimReplies: boolean
}

/** What git's http-backend says about every reply: never keep it. */
export const noCache = {
  'Expires': 'Fri, 01 Jan 1980 00:00:00 GMT',
  'Pragma': 'no-cache',
  'Cache-Control': 'no-cache, max-age=0, must-revalidate',
} as const

/**
 * One HTTP request and its reply, in the gateway or in the supervisor: its id, what it has moved, and the signal that
 * ends its work. The first reason to end it wins.
 */
export class Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** From `X-Request-Id` if that is a plain token, else a new one. */
  readonly id: string
  /** The client's IP address, or `local`. */
  readonly clientAddress: string
  /** Who asks, once that is known; undefined for nobody in particular. */
  user: string | undefined
  /** The status that a refusal has, where the reply says it in git's own protocol, and 200. */
  standsFor: number | undefined
  #bytesIn = 0
  #piecesIn = 0
  #bytesOut = 0
  #firstByteMs: number | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #movedAt = performance.now()
  readonly #takesInterimReplies: boolean
  readonly #startedAt = performance.now()
  readonly #controller = new AbortController()
  readonly #waitsForContinue: boolean
  /** Undefined in HTTP/1. */
  readonly #stream: ServerHttp2Stream | undefined
  #mayHaveBody: boolean

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, options: ExchangeOptions) {
    this.incoming = incoming
    this.outgoing = outgoing
    this.id = idOf(incoming)
    this.clientAddress = options.clientAddress
    this.user = options.user
    this.#stream = http2StreamOf(outgoing)
    // HTTP/1.0 knows of no interim replies, and HTTP/2 needs none: there, no unread body hides what a client does.
    this.#takesInterimReplies = options.takesInterimReplies && isAskedDirectly(incoming)
    if (!this.#stream && incoming.httpVersionMinor > 0) keepSilently(outgoing)
    this.#waitsForContinue = /^100-continue$/i.test(incoming.headers.expect ?? '')
    this.#mayHaveBody = !this.#waitsForContinue
    incoming.on('error', () => {}) // A client that breaks off: told by 'close' below.
    incoming.on(malformedBody, () => this.abort(new Refusal('bad_body')))
    outgoing.on('error', () => {})
    outgoing.on('close', () => {
      clearTimeout(this.#idleTimer)
      if (!isReplied(outgoing)) this.abort(new Refusal('client_gone'))
    })
  }

  /** Aborted when the work for this exchange must end; the reason is a Refusal. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get bytesIn(): number {
    return this.#bytesIn
  }

  get bytesOut(): number {
    return this.#bytesOut
  }

  get milliseconds(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }

  /** From the request to the first byte of the reply's body; undefined before it. */
  get firstByteMs(): number | undefined {
    return this.#firstByteMs
  }

  get #isClosed(): boolean {
    return this.#stream?.destroyed ?? this.outgoing.destroyed
  }

  abort(reason: Refusal): void {
    this.#controller.abort(reason)
  }

  received(count: number): void {
    this.#bytesIn += count
    this.#moved()
    const isTiny = ++this.#piecesIn > manyPieces && this.#bytesIn < this.#piecesIn * leastPieceBytes
    if (isTiny && !this.signal.aborted) this.#refusePieces()
  }

  #refusePieces(): void {
    // What is waiting in the kernel would be cut into pieces as well, megabytes of it in one turn.
    if (!this.#stream) this.incoming.socket.pause()
    this.abort(new Refusal('tiny_pieces'))
  }

  sent(count: number): void {
    this.#firstByteMs ??= this.milliseconds
    this.#bytesOut += count
    this.#moved()
  }

  #moved(): void {
    this.#movedAt = performance.now()
    this.#idleTimer?.refresh()
  }

  /**
   * From now on, ends the exchange when nothing is received or sent for so many milliseconds. Stops with the connection;
   * another call takes its place.
   *
   * @param silentMs so long it may last where it is not the client that is waited for, but git
   * @param isStuck is asked meanwhile whether there is no use in waiting for it
   */
  limitIdleness(milliseconds: number, silentMs?: number, isStuck?: () => Promise<boolean>): void {
    clearTimeout(this.#idleTimer)
    if (this.#isClosed) return
    this.#movedAt = performance.now()
    const look = () => {
      const isGits = silentMs !== undefined && !this.#waitsForClient
      const left = this.#movedAt + (isGits ? silentMs : milliseconds) - performance.now()
      if (left < 1) return this.abort(new Refusal(isGits ? 'git_silent' : 'idle_timeout'))
      if (isGits && isStuck) void this.#giveUpIf(isStuck)
      this.#idleTimer = setTimeout(look, Math.min(milliseconds, left))
    }
    this.#idleTimer = setTimeout(look, Math.min(milliseconds, silentMs ?? Infinity))
  }

  async #giveUpIf(isStuck: () => Promise<boolean>): Promise<void> {
    const before = this.#movedAt
    if ((await isStuck()) && this.#movedAt === before) this.abort(new Refusal('idle_timeout'))
  }

  /**
   * Whether it is the client's turn, to send more of its body or to take what has been written for it. What it has sent and
   * nobody has read lies in the buffer, whoever is to read it and however that one reads.
   */
  get #waitsForClient(): boolean {
    const mayComeMore = this.#mayHaveBody && !this.incoming.complete
    const isRead = this.incoming.readableLength === 0
    return (mayComeMore && isRead) || (this.#stream ?? this.outgoing).writableLength > 0
  }

  /** From now on, ends the exchange after so many milliseconds, whatever moves. Stops with the connection. */
  limitDuration(milliseconds: number): void {
    const timer = setTimeout(() => this.abort(new Refusal('request_timeout')), milliseconds)
    this.outgoing.on('close', () => clearTimeout(timer))
  }

  /**
   * From now on, ends the exchange if the client sends less of its body than `bytesPerSecond` over two minutes in which it
   * was waited for. Stops with the connection.
   */
  limitSlowness(bytesPerSecond: number, windowMs = slownessWindowMs): void {
    const { incoming } = this
    let before = this.#bytesIn
    // Only what was waited for at both ends of the time was waited for all the while.
    let wasWaitedFor = false
    const look = () => {
      const mayCome = this.#mayHaveBody && !incoming.complete
      const isWaitedFor = mayCome && !incoming.isPaused() && incoming.readableLength === 0
      const isSlow = this.#bytesIn - before < (bytesPerSecond * windowMs) / 1000
      if (wasWaitedFor && isWaitedFor && isSlow) this.abort(new Refusal('slow_upload'))
      wasWaitedFor = isWaitedFor
      before = this.#bytesIn
    }
    this.#every(windowMs, look)
  }

  /**
   * From now on, notices that the client leaves, until the reply begins. Where more than 64 KiB of a body are unread (it
   * waits for a slot, git is busy), nothing that the client does is seen; but what is sent to it cannot arrive. Stops with
   * the connection.
   */
  watchUnreadBody(): void {
    const { incoming, outgoing } = this
    if (!this.#takesInterimReplies) return
    let before = this.#bytesIn
    let unreadForMs = 0
    let sent = 0
    const look = () => {
      const isUnread = this.#mayHaveBody && !incoming.complete && this.#bytesIn === before
      if (isUnread) unreadForMs += lookAtUnreadEveryMs
      before = this.#bytesIn
      const dueAt = interimReplyDueAt(sent)
      if (!isUnread || outgoing.headersSent || dueAt === undefined || unreadForMs < dueAt) return
      sent++
      outgoing.writeProcessing()
    }
    this.#every(lookAtUnreadEveryMs, look)
  }

  #every(milliseconds: number, look: () => void): void {
    const timer = setInterval(look, milliseconds)
    timer.unref()
    this.outgoing.on('close', () => clearInterval(timer))
  }

  /** To be called before the body is read: a client that asked first (`Expect: 100-continue`) begins to send it now. */
  invite(): void {
    if (!this.#waitsForContinue || this.#mayHaveBody) return
    this.#mayHaveBody = true
    this.outgoing.writeContinue()
  }

  /**
   * Answers with the reason, or cuts the connection where an answer has begun: a part must never look like a whole.
   *
   * @param request what git has asked for, if it may be told in its own protocol
   */
  async refuse(refusal: Refusal, request?: GitRequest): Promise<void> {
    if (this.#isClosed) return
    if (this.outgoing.headersSent) return this.cut()
    const headers = { 'X-Request-Id': this.id, 'Sluice-Reason': refusal.reason }
    const inBand = request && inBandRefusal(request, this.incoming.headers, refusal)
    if (inBand) {
      this.standsFor = refusal.status
      this.invite()
      return await this.reply(200, inBand.body, { 'Content-Type': inBand.contentType, ...headers })
    }
    await this.reply(refusal.status, `${refusal.sentence}\n`, {
      'Content-Type': 'text/plain; charset=utf-8',
      ...headers,
      ...refusal.headers,
    })
  }

  /** A short reply that is known as a whole. */
  async reply(status: number, text: string | Buffer, headers: OutgoingHttpHeaders): Promise<void> {
    const length = Buffer.byteLength(text)
    const size = sizeHeader(status, length)
    // A client that still waits to be invited may send its body all the same; one that is being ended is not waited for.
    const isLast = !this.#mayHaveBody || this.signal.aborted
    if (this.#stream) return await this.#replyOn(this.#stream, status, text, headers, isLast)
    const close = isLast ? { Connection: 'close' } : {}
    this.outgoing.writeHead(status, { ...noCache, ...headers, ...size, ...close })
    this.outgoing.write(text)
    this.sent(length)
    if (!isLast) await this.drain()
    this.outgoing.end()
  }

  /** In HTTP/2 a reply may end before its request, and a connection is closed by word, not by header. */
  async #replyOn(
    stream: ServerHttp2Stream,
    status: number,
    text: string | Buffer,
    { Connection: connection, ...headers }: OutgoingHttpHeaders,
    isLast: boolean,
  ): Promise<void> {
    const length = Buffer.byteLength(text)
    this.outgoing.writeHead(status, { ...noCache, ...headers, ...sizeHeader(status, length) })
    this.outgoing.end(text)
    this.sent(length)
    if (connection === 'close') stream.session?.close()
    if (isLast) stopUpload(stream)
    else await this.drain()
  }

  async replyJson(status: number, body: unknown): Promise<void> {
    await this.reply(status, `${JSON.stringify(body)}\n`, { 'Content-Type': 'application/json' })
  }

  /**
   * Ends a reply whose bytes have all been written, and waits until they are out.
   *
   * @throws {Refusal} if the exchange is aborted before that
   */
  async finish(): Promise<void> {
    // A refusal is whole as it stands, since its head says how long it is. Ending it first could close the connection
    // under a client that is still sending, which then would not get to read it.
    if ((this.outgoing.statusCode >= 400 || this.standsFor !== undefined) && !this.#stream) await this.drain()
    this.outgoing.end()
    await this.#sentOrAborted()
    this.signal.throwIfAborted()
    await this.drain()
  }

  /** stream.finished() is made for any stream, and costs a request more than all else that this class does. */
  #sentOrAborted(): Promise<void> {
    const { signal } = this
    // A stream is over when the request has ended, too; the reply is what is waited for here.
    const reply = this.#stream ?? this.outgoing
    if (reply.writableFinished || reply.destroyed || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const onEnd = () => {
        signal.removeEventListener('abort', onEnd)
        resolve()
      }
      reply.once('finish', onEnd).once('close', onEnd)
      signal.addEventListener('abort', onEnd, { once: true })
    })
  }

  /**
   * Reads what is left of the request's body and forgets it; gives up, and the connection or the stream, where that takes
   * too long.
   */
  async drain(): Promise<void> {
    if ((await this.#forgetRest(maxDrainBytes, maxDrainMs, 'in all')) === 'drained') return
    if (this.#stream) stopUpload(this.#stream)
    else this.incoming.destroy()
  }

  /**
   * Before a reply ends: the same with up to so many bytes, for as long as they come, and without giving anything up. There
   * are clients that send all that they have before they read a word. One that pauses may wait for that word.
   *
   * @throws {Refusal} if the exchange is aborted meanwhile
   */
  async readOn(maxBytes: number): Promise<void> {
    await this.#forgetRest(maxBytes, maxDrainMs, 'of silence')
    this.signal.throwIfAborted()
  }

  async #forgetRest(maxBytes: number, maxMs: number, what: 'in all' | 'of silence'): Promise<'drained' | 'too much'> {
    const { incoming, signal } = this
    const carrier = this.#stream ?? incoming.socket
    if (incoming.readableEnded || incoming.destroyed || carrier.destroyed) return 'drained'
    const { promise: over, resolve } = Promise.withResolvers<'drained' | 'too much'>()
    const limit = this.bytesIn + maxBytes
    const onData = (chunk: Buffer) => {
      this.received(chunk.length)
      if (what === 'of silence') timer.refresh()
      if (this.bytesIn > limit) resolve('too much')
    }
    const onEnd = () => resolve('drained')
    // Whoever read it before must neither get more of it nor hold it back.
    incoming.removeAllListeners('data').removeAllListeners('readable')
    const timer = setTimeout(() => resolve('too much'), maxMs)
    // Where the time in all is bounded, it goes on after the exchange has been aborted, so that its last words are read.
    if (what === 'of silence') signal.addEventListener('abort', onEnd, { once: true })
    incoming.on('data', onData).on('end', onEnd).on('close', onEnd)
    using _closing = onClose(carrier, onEnd)
    incoming.resume()
    const how = await over
    clearTimeout(timer)
    signal.removeEventListener('abort', onEnd)
    incoming.off('data', onData).off('end', onEnd).off('close', onEnd)
    return how
  }

  /** Ends the connection, or the stream, in a way that no client can take for the end of the reply. */
  cut(): void {
    if (this.#stream) return resetStream(this.#stream)
    const { socket } = this.outgoing
    // HTTP/1.0 has no chunks: there, only a reset tells a cut from an end.
    if (this.incoming.httpVersionMinor === 0 && socket && 'remoteAddress' in socket && socket.remoteAddress) {
      socket.resetAndDestroy()
    }
    this.outgoing.destroy()
  }
}

/** A reply that can have no body does not say how long it is (RFC 9110 section 8.6). */
function sizeHeader(status: number, length: number): OutgoingHttpHeaders {
  return status === 204 ? {} : { 'Content-Length': length }
}

function idOf(incoming: IncomingMessage): string {
  const given = incoming.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}
