import type { OutgoingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { ReplyHeaders } from '@sluice/shared/host-protocol/from-host'
import { toldSlotHeader } from '@sluice/shared/host-protocol/headers'

/** How often `passOnBeforeCut` looks whether the beginning is out. */
const lookEveryMs = 5

/** Most repositories have advertisements smaller than this. */
const mostHeldBytes = 64 * 1024

export type ReplyEvents = {
  /** The client has to read before more is written; the outgoing side emits `drain` when it has. */
  readonly onFull: () => void
  /** The client gets the beginning, so that the request can no longer be sent again. */
  readonly onPassedOn: () => void
}

/**
 * A host's reply on its way to the client.
 *
 *   held ──▶ passed on
 *
 * held: the client has nothing yet, so the request can be sent again if the host breaks off. This ends with the reply, at
 *   64 KiB, or after the time that `begin` is given.
 * passed on: everything goes through, at the client's pace.
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

  /** @param holdMs for how many milliseconds the beginning may be held; 0 is not at all */
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

  /** Ends the holding. To be called when the reply is whole, too. */
  passOn(): void {
    clearTimeout(this.#timer)
    const held = this.#held
    if (!held || !this.#head) return
    this.#held = undefined
    this.#exchange.outgoing.writeHead(this.#head.status, this.#head.headers)
    this.#events.onPassedOn()
    if (held.length > 0) this.#write(Buffer.concat(held))
  }

  /** Passes on what is held and waits until it is out: cutting the connection earlier would take it along. */
  async passOnBeforeCut(): Promise<void> {
    this.passOn()
    const { outgoing, signal } = this.#exchange
    while (outgoing.writableLength > 0 && !outgoing.destroyed && !signal.aborted) await pause(lookEveryMs)
  }

  /** Forgets what is held, since the host has broken off or the client is gone. */
  drop(): void {
    clearTimeout(this.#timer)
    this.#held = undefined
  }

  #write(chunk: Buffer): void {
    // The host gets a HEAD as a GET. Over HTTP/2, bytes that are written in reply to a HEAD would never be sent off.
    if (chunk.length === 0 || this.#exchange.incoming.method === 'HEAD') return
    this.#exchange.sent(chunk.length)
    if (!this.#exchange.outgoing.write(chunk)) this.#events.onFull()
  }
}

/** The host's headers for the client: all but what is between gateway and host. */
export function passedOn(headers: ReplyHeaders): OutgoingHttpHeaders {
  const {
    'connection': _c,
    'keep-alive': _k,
    'transfer-encoding': _t,
    'date': _d,
    [toldSlotHeader]: _s,
    ...rest
  } = headers
  return rest
}
