/** The longest wait of a timer. */
const longestMs = 60_000

/** Lets one loop sleep until something happens. What happens while it does not sleep is not missed. */
export class Wake {
  #happened = Promise.withResolvers<void>()

  happen(): void {
    this.#happened.resolve()
  }

  /** @param milliseconds the longest wait */
  async sleep(milliseconds: number): Promise<void> {
    const timer = setTimeout(() => this.happen(), Math.min(Math.max(milliseconds, 0), longestMs))
    await this.#happened.promise
    clearTimeout(timer)
    this.#happened = Promise.withResolvers()
  }
}
