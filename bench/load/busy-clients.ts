/** What one client does again and again. `from` is another address each time, for `X-Forwarded-For`. */
type Turn = (from: string, client: number, turn: number) => Promise<void>

/** Clients that ask hosts without a pause. Far more of them than slots leave no host without work by chance. */
export class BusyClients implements AsyncDisposable {
  readonly #over = new AbortController()
  readonly #clients: readonly Promise<void>[]
  readonly #all: Promise<unknown>
  #done = 0
  #isTold = false

  constructor(count: number, turn: Turn) {
    this.#clients = Array.from({ length: count }, (_, client) => this.#go(turn, client))
    this.#all = Promise.all(this.#clients)
  }

  /** How many turns were done a second, for so many seconds. Fails once a client has failed. */
  async rateFor(seconds: number): Promise<number> {
    const [doneBefore, begin] = [this.#done, performance.now()]
    try {
      await Promise.race([pass(seconds), this.#all])
    } catch (error) {
      this.#isTold = true
      throw error
    }
    return ((this.#done - doneBefore) * 1000) / (performance.now() - begin)
  }

  /** Waits until all have ended. Fails if one of them failed, and nobody was told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await Promise.allSettled(this.#clients)
    if (!this.#isTold) await this.#all
  }

  async #go(turn: Turn, client: number): Promise<void> {
    for (let count = 0; !this.#over.signal.aborted; count++) {
      await turn(`10.${client % 250}.${count % 250}.${(client + count) % 250}`, client, count)
      this.#done++
    }
  }
}

export function pass(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

/** Settings with which nothing but its slots limits a host. `program` stands in for git, and sleeps. */
export function limitedBySlots(program: string, slots: number): Record<string, string> {
  return {
    SLUICE_GIT: program,
    SLUICE_FETCH_SLOTS: String(slots),
    SLUICE_LARGEST_SHARE: '100%',
    SLUICE_QUEUE_LENGTH: '1000',
    SLUICE_REFERENCE_CACHE: 'off',
    SLUICE_PACK_CACHE: 'off',
    // Each request comes from a client of its own.
    SLUICE_TRUSTED_PROXIES: '127.0.0.1',
  }
}
