import type { Server } from 'node:http'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

/** The exchanges that are under way in this process, so that a server can stop without cutting them off. */
export class Running {
  readonly #exchanges = new Set<Exchange>()
  #server: Server | undefined
  #onEmpty: (() => void) | undefined

  get isDraining(): boolean {
    return this.#server !== undefined
  }

  get size(): number {
    return this.#exchanges.size
  }

  enter(exchange: Exchange): Disposable {
    this.#exchanges.add(exchange)
    return {
      [Symbol.dispose]: () => {
        this.#exchanges.delete(exchange)
        if (this.size === 0) this.#onEmpty?.()
        // A connection whose last request is over would otherwise keep a draining server for its keep-alive time.
        if (this.#server) setImmediate(() => this.#server?.closeIdleConnections())
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
    this.#server = server
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // A connection may be closed while what it asked for is still being taken down.
    const over = this.size === 0 ? undefined : new Promise<void>((resolve) => (this.#onEmpty = resolve))
    let ended = 0
    const end = () => {
      ended += this.#exchanges.size
      for (const exchange of this.#exchanges) exchange.abort(new Refusal('draining'))
    }
    const timer = setTimeout(end, timeoutMs)
    hurry.addEventListener('abort', end, { once: true })
    if (hurry.aborted) end()
    await Promise.all([closed, over])
    clearTimeout(timer)
    hurry.removeEventListener('abort', end)
    return ended
  }
}
