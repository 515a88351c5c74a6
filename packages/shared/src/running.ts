import type { Server } from 'node:net'
import type { Connections } from './connections.ts'
import type { Exchange } from './exchange.ts'
import { connectionUnder } from './http2-stream.ts'
import { Refusal } from './refusal.ts'

/** After the end of a drain's time, so long may the last words to clients that do not read them take. */
const lastWordsMs = 2000

/** The exchanges that are under way in this process, so that a server can stop without cutting them off. */
export class Running {
  readonly #exchanges = new Set<Exchange>()
  readonly #connections: Connections
  #isDraining = false
  #onEmpty: (() => void) | undefined

  constructor(connections: Connections) {
    this.#connections = connections
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  get size(): number {
    return this.#exchanges.size
  }

  [Symbol.iterator](): IterableIterator<Exchange> {
    return this.#exchanges.values()
  }

  enter(exchange: Exchange): Disposable {
    this.#exchanges.add(exchange)
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
   * Stops accepting, and waits until all that runs is over. After `timeoutMs`, or when `hurry` is aborted, the rest is
   * ended with `draining`.
   *
   * @returns how many exchanges had to be ended
   */
  async drain(server: Server, timeoutMs: number, hurry: AbortSignal): Promise<number> {
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // A connection may be closed while what it asked for is still being taken down.
    const over = this.size === 0 ? undefined : new Promise<void>((resolve) => (this.#onEmpty = resolve))
    this.#closeUnused()
    let ended = 0
    let lastWords: NodeJS.Timeout | undefined
    const end = () => {
      ended += this.size
      lastWords ??= setTimeout(() => this.#connections.destroyAll(), lastWordsMs)
      for (const exchange of this.#exchanges) exchange.abort(new Refusal('draining'))
    }
    const timer = setTimeout(end, timeoutMs)
    hurry.addEventListener('abort', end, { once: true })
    if (hurry.aborted) end()
    await Promise.all([closed, over])
    clearTimeout(timer)
    clearTimeout(lastWords)
    hurry.removeEventListener('abort', end)
    return ended
  }

  /** Closes the connections that no exchange uses: idle ones, and those whose request has not arrived as a whole. */
  #closeUnused(): void {
    const used = new Set([...this.#exchanges].map((exchange) => connectionUnder(exchange.incoming.socket)))
    for (const connection of this.#connections) if (!used.has(connection)) this.#connections.end(connection)
  }
}
