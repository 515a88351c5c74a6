import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { flushPacket } from '@sluice/shared/git/pkt-line'
import { smallBodyBytes } from '@sluice/shared/host-protocol/small-body'
import { orAborted } from '@sluice/shared/machine/race'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { LentBody } from './lent-body.ts'

/**
 * A host that says nothing for this long, and is there, counts as having accepted: it may be older, or busy, and the client
 * must get on.
 */
const acceptedAfterMs = 1000

/** A body as an attempt at a host needs it. */
export type SentBody = Pick<KeptBody, 'isAtHand' | 'isWhole' | 'isCutShort' | 'isProbe' | 'bytes' | 'lend' | 'accepted'>

/**
 * A request's body, kept for as long as the request may have to be sent again.
 *
 *   keeping ──────▶ accepted
 *
 * keeping: everything that was read from the client is here, and no more than the first 64 KiB (and what came with the
 *   last of them) is read. Each attempt gets it from the beginning. Of a body that goes on, it does not get the last byte of
 *   these: what lacks its end has no effect.
 * accepted: a host has taken the request. The rest goes through without being kept; there is no other attempt.
 *
 * An attempt gets a stream of its own, never the client's: undici destroys a body when a reply comes early, and the
 * client's connection still has to carry that reply.
 */
export class KeptBody {
  readonly #exchange: Exchange
  readonly #incoming: IncomingMessage
  readonly #kept: Buffer[] = []
  #bytes = 0
  #isKeeping = true
  #isWhole = false
  #lent: LentBody | undefined
  #acceptance: NodeJS.Timeout | undefined
  readonly #end = Promise.withResolvers<void>()

  private constructor(exchange: Exchange) {
    this.#exchange = exchange
    this.#incoming = exchange.incoming
    this.#end.promise.catch(() => {})
  }

  /**
   * Begins to read. Returns when a body that says it is small has been read whole, and otherwise at once.
   *
   * @throws {Refusal} `client_gone`, or the exchange's end
   */
  static async read(exchange: Exchange): Promise<KeptBody> {
    const body = new KeptBody(exchange)
    exchange.invite()
    body.#begin()
    const length = Number(exchange.incoming.headers['content-length'] ?? NaN)
    if (length <= smallBodyBytes) await orAborted(body.#end.promise, exchange.signal)
    return body
  }

  /** Whether another attempt would still get it from the first byte. */
  get isAtHand(): boolean {
    return this.#isKeeping
  }

  /** Whether the whole body has been read and kept. */
  get isWhole(): boolean {
    return this.#isWhole && this.#isKeeping
  }

  /** Whether a host has been given no more than a beginning that it cannot carry out. */
  get isCutShort(): boolean {
    return this.#isFull && !this.#isWhole
  }

  /** Whether it asks for nothing. git sends such a body before a large push, to find out whether it will be let in. */
  get isProbe(): boolean {
    return this.isWhole && this.#bytes === flushPacket.length && this.#kept.join('') === flushPacket
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#isKeeping ? this.#bytes : 0
  }

  /**
   * The body for one attempt. The attempt before it gets no more.
   *
   * @param isThere finds out whether the attempt's host is at work, where it says nothing
   */
  lend(isThere: () => Promise<boolean>): Buffer | Readable {
    this.#takeBack(this.#lent)
    if (this.isWhole) return Buffer.concat(this.#kept)
    const lent = new LentBody(this.#kept, this.isCutShort, { onRoom: () => this.#readOn(), isThere })
    lent.on('error', () => {}).once('close', () => this.#takeBack(lent))
    this.#lent = lent
    return lent
  }

  #takeBack(lent: LentBody | undefined): void {
    if (lent === undefined || this.#lent !== lent) return
    this.#lent = undefined
    clearTimeout(this.#acceptance)
    lent.destroy()
  }

  /** A host has taken the request: it will not be sent again. */
  accepted(): void {
    clearTimeout(this.#acceptance)
    if (!this.#isKeeping) return
    this.#isKeeping = false
    this.#kept.length = 0
    if (!this.#lent) return
    this.#lent.giveRest()
    this.#readOn()
  }

  #begin(): void {
    this.#incoming.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#incoming.once('end', () => {
      // Over HTTP/2, Node ends a cancelled body as though it were whole.
      if (this.#exchange.signal.aborted) return
      this.#isWhole = true
      this.#lent?.giveRest()
      this.#lent?.push(null)
      this.#end.resolve()
    })
    this.#incoming.once('close', () => {
      if (this.#incoming.readableEnded) return
      const gone = new Refusal('client_gone')
      this.#lent?.destroy(gone)
      this.#end.reject(gone)
    })
  }

  #take(chunk: Buffer): void {
    this.#exchange.received(chunk.length)
    if (this.#isKeeping) {
      this.#kept.push(chunk)
      this.#bytes += chunk.length
    }
    const isWanted = this.#lent ? this.#lent.give(chunk, this.#isFull) : this.#isKeeping
    if (!isWanted || this.#isFull) this.#incoming.pause()
  }

  get #isFull(): boolean {
    return this.#isKeeping && this.#bytes > smallBodyBytes
  }

  /** The attempt has room for more. Where no more may be kept, the host has to accept first. */
  #readOn(): void {
    if (!this.#isFull) return void this.#incoming.resume()
    if (this.#isWhole) return
    this.#awaitAcceptance()
  }

  #awaitAcceptance(): void {
    clearTimeout(this.#acceptance)
    const lent = this.#lent
    const onSilent = async () => {
      const isThere = await lent?.isThere()
      if (lent === undefined || this.#lent !== lent) return
      if (isThere) this.accepted()
      else this.#awaitAcceptance()
    }
    this.#acceptance = setTimeout(() => void onSilent(), acceptedAfterMs)
  }
}
