import type { OutgoingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Exchange } from '@sluice/shared/exchange/exchange'

/** How often it is looked whether a reply's beginning is out. */
const lookEveryMs = 5

/** Also the size of the largest advertisements that most repositories have. */
const mostHeldBytes = 64 * 1024

export type ReplyEvents = {
  /** The client has to read before there is more; the outgoing side's `drain` says when. */
  readonly onFull: () => void
  /** The client has the beginning: the request is not sent again. */
  readonly onPassedOn: () => void
}

/**
 * A host's reply on its way to the client.
 *
 *   held ──▶ passed on
 *
 * held: the client has got nothing, so that the request may be sent again if the host breaks off. Ends with the reply, at
 *   64 KiB, or after the time for which it may be held.
 * passed on: what comes goes through, at the client's pace.
 */
export class Reply {
  readonly #exchange: Exchange
  #held: Buffer[] | undefined = []
  #heldBytes = 0
  #head: { status: number; headers: OutgoingHttpHeaders } | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #events: ReplyEvents

  constructor(exchange: Exchange, events: ReplyEvents) {
    this.#exchange = exchange
    this.#events = events
  }

  get isHeld(): boolean {
    return this.#held !== undefined
  }

  /** @param holdMs how long its beginning may be held at most */
  begin(status: number, headers: OutgoingHttpHeaders, holdMs: number): void {
    this.#head = { status, headers }
    if (holdMs === 0) this.passOn()
    else this.#timer = setTimeout(() => this.passOn(), holdMs)
  }

  take(chunk: Buffer): void {
    if (!this.#held) return this.#write(chunk)
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes > mostHeldBytes) this.passOn()
  }

  /** Also to be called when all of it has come. */
  passOn(): void {
    clearTimeout(this.#timer)
    const held = this.#held
    if (!held || !this.#head) return
    this.#held = undefined
    this.#exchange.outgoing.writeHead(this.#head.status, this.#head.headers)
    this.#events.onPassedOn()
    if (held.length > 0) this.#write(Buffer.concat(held))
  }

  /** The same before the connection is cut, which would take what is not out with it. Resolves when that is. */
  async passOnBeforeCut(): Promise<void> {
    this.passOn()
    const { outgoing, signal } = this.#exchange
    while (outgoing.writableLength > 0 && !outgoing.destroyed && !signal.aborted) await pause(lookEveryMs)
  }

  /** Forgets what is held: the host has broken off, or the client is gone. */
  drop(): void {
    clearTimeout(this.#timer)
    this.#held = undefined
  }

  #write(chunk: Buffer): void {
    // A HEAD is asked of the host as GET. Over HTTP/2, what is written for it would be waited for without end.
    if (chunk.length === 0 || this.#exchange.incoming.method === 'HEAD') return
    this.#exchange.sent(chunk.length)
    if (!this.#exchange.outgoing.write(chunk)) this.#events.onFull()
  }
}
