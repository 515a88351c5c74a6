import { closeAfter } from '../http/kept-connection.ts'
import { addAbortListener, setMaxListeners } from 'node:events'
import type { Server, Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Connections } from '../connections/connections.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { connectionUnder } from '../http/http2-stream.ts'
import { Refusal } from '../refusal/refusal.ts'

/** After the end of a drain's time, the last words on a connection may take so long, and at most twice that. */
const lastWordsMs = 1000

/** The exchanges that are under way in this process, so that a server can stop without cutting them off. */
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

  /** Aborted when what still runs is to be ended: for what goes on when its exchange is over already. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** Whether this process is about to stop: who looks at its readiness is to send it no more. */
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
        // The connection of a request that is over would keep a draining server for its keep-alive time.
        if (this.#isDraining) setImmediate(() => this.#closeUnused())
        if (this.size === 0) this.#onEmpty?.()
      },
    }
  }

  /**
   * Says that this process will stop, and goes on accepting for a while: a load balancer that has not looked yet may send
   * requests, and none of them is refused. Each is the last on its connection, so that none meets one that is being closed.
   * `hurry` cuts it short.
   */
  async leave(delayMs: number, hurry: AbortSignal): Promise<void> {
    this.#isLeaving = true
    for (const exchange of this.#exchanges) makeLast(exchange)
    if (delayMs > 0) await wait(delayMs, undefined, { signal: hurry }).catch(() => {})
  }

  /**
   * Stops accepting, and waits until all that runs is over. After `timeoutMs`, or when `hurry` is aborted, the rest is
   * ended with `draining`.
   *
   * @returns how many exchanges had to be ended
   */
  async drain(server: Server, timeoutMs: number, hurry: AbortSignal): Promise<number> {
    this.#isLeaving = true
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // A connection may be closed while what it asked for is still being taken down.
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

  /** Closes the connections that no exchange uses: idle ones, and those whose request has not arrived as a whole. */
  #closeUnused(): void {
    for (const connection of this.#unused()) this.#connections.end(connection)
  }

  /** From now on, destroys the connections that have been without an exchange for a while: nobody reads what is left. */
  #destroyUnread(): NodeJS.Timeout {
    let before = new Set<Socket>()
    return setInterval(() => {
      const unused = this.#unused()
      for (const connection of unused) if (before.has(connection)) connection.destroy()
      before = new Set(unused)
    }, lastWordsMs)
  }

  #unused(): Socket[] {
    const used = new Set([...this.#exchanges].map((exchange) => connectionUnder(exchange.incoming.socket)))
    return [...this.#connections].filter((connection) => !used.has(connection))
  }
}

/** Has the reply say `Connection: close`, where it has not begun. HTTP/2 has a word of its own for it (GOAWAY). */
function makeLast({ outgoing }: Exchange): void {
  if (!outgoing.headersSent && outgoing.shouldKeepAlive) closeAfter(outgoing)
}
