import { closeAfter } from '../http/kept-connection.ts'
import { addAbortListener, setMaxListeners } from 'node:events'
import type { Server, Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Connections } from '../connections/connections.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { connectionUnder } from '../http/http2-stream.ts'
import { Refusal } from '../refusal/refusal.ts'

/** How long the last bytes of a connection may take once the time for draining is over; twice that at most. */
const lastWordsMs = 1000

/**
 * The exchanges that are under way in this process, so that a server can stop without cutting them off.
 *
 *   serving ──▶ leaving ──▶ draining ──▶ ending
 *
 * leaving: still accepts, and each reply is the last on its connection.
 * draining: accepts no more, and waits for what runs.
 * ending: the time is over, or `hurry` was aborted: what runs is aborted.
 */
export class Running {
  readonly #exchanges = new Set<Exchange>()
  readonly #connections: Connections
  readonly #ending = new AbortController()
  #isLeaving = false
  #isDraining = false
  #onEmpty: (() => void) | undefined

  constructor(connections: Connections) {
    this.#connections = connections
    setMaxListeners(0, this.#ending.signal)
  }

  /** Aborted when what still runs must end. For work that goes on after its exchange is over. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** Whether this process is about to stop, and its readiness must say so. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  get size(): number {
    return this.#exchanges.size
  }

  [Symbol.iterator](): IterableIterator<Exchange> {
    return this.#exchanges.values()
  }

  enter(exchange: Exchange): Disposable {
    this.#exchanges.add(exchange)
    if (this.#isLeaving) makeLast(exchange)
    return {
      [Symbol.dispose]: () => {
        this.#exchanges.delete(exchange)
        // A kept connection would hold up a draining server for the keep-alive time.
        if (this.#isDraining) setImmediate(() => this.#closeUnused())
        if (this.size === 0) this.#onEmpty?.()
      },
    }
  }

  /**
   * Begins to leave, and goes on accepting for a while: a load balancer that has not looked at the readiness yet still sends
   * requests, and none of them is refused. Each is the last on its connection, so that no request meets a connection that is
   * being closed. `hurry` cuts it short.
   */
  async leave(delayMs: number, hurry: AbortSignal): Promise<void> {
    this.#isLeaving = true
    for (const exchange of this.#exchanges) makeLast(exchange)
    if (delayMs > 0) await wait(delayMs, undefined, { signal: hurry }).catch(() => {})
  }

  /**
   * Stops accepting, and waits until nothing runs any more. After `timeoutMs`, or when `hurry` is aborted, the rest is aborted
   * with `draining`.
   *
   * @returns how many exchanges were aborted
   */
  async drain(server: Server, timeoutMs: number, hurry: AbortSignal): Promise<number> {
    this.#isLeaving = true
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // An exchange may outlive its connection: its git is still being torn down.
    const over = this.size === 0 ? undefined : new Promise<void>((resolve) => (this.#onEmpty = resolve))
    this.#closeUnused()
    let ended = 0
    let lastWords: NodeJS.Timeout | undefined
    const end = () => {
      ended += this.size
      lastWords ??= this.#destroyUnread()
      for (const exchange of this.#exchanges) exchange.abort(new Refusal('draining'))
      this.#ending.abort()
    }
    const timer = setTimeout(end, timeoutMs)
    using _hurrying = addAbortListener(hurry, end)
    await Promise.all([closed, over])
    clearTimeout(timer)
    clearInterval(lastWords)
    return ended
  }

  /** Closes the connections that no exchange uses: idle ones, and those whose request head has not arrived. */
  #closeUnused(): void {
    for (const connection of this.#unused()) this.#connections.end(connection)
  }

  /** From now on, destroys connections that have had no exchange for a while: their clients do not read what is left. */
  #destroyUnread(): NodeJS.Timeout {
    let before = new Set<Socket>()
    return setInterval(() => {
      const unused = this.#unused()
      for (const connection of unused) if (before.has(connection)) connection.destroy()
      before = new Set(unused)
    }, lastWordsMs)
  }

  #unused(): Socket[] {
    // A request whose connection is gone may have none.
    const sockets = [...this.#exchanges].map(({ incoming }) => incoming.socket as Socket | null | undefined)
    const used = new Set(sockets.filter((socket) => socket !== null && socket !== undefined).map(connectionUnder))
    return [...this.#connections].filter((connection) => !used.has(connection))
  }
}

/** Makes a reply that has not begun say `Connection: close`. HTTP/2 has GOAWAY for it. */
function makeLast({ outgoing }: Exchange): void {
  if (!outgoing.headersSent && outgoing.shouldKeepAlive) closeAfter(outgoing)
}
