/** Keeps a removal from coming between a look at something and the word to a client that it is there. */
export class RemovalGate {
  readonly #looking = new Map<string, number>()
  readonly #removing = new Map<string, Promise<unknown>>()

  /** Looks when nothing of this key is being removed. */
  async look<T>(key: string, look: () => Promise<T>): Promise<T> {
    for (let removing; (removing = this.#removing.get(key)) !== undefined;) await removing
    this.#looking.set(key, (this.#looking.get(key) ?? 0) + 1)
    try {
      return await look()
    } finally {
      const others = this.#looking.get(key)! - 1
      if (others > 0) this.#looking.set(key, others)
      else this.#looking.delete(key)
    }
  }

  /** @returns false, and does nothing, where somebody looks at it just now; else what `remove` returns */
  async remove(key: string, remove: () => Promise<boolean>): Promise<boolean> {
    if (this.#looking.has(key) || this.#removing.has(key)) return false
    const removing = remove()
    this.#removing.set(
      key,
      removing.catch(() => {}),
    )
    try {
      return await removing
    } finally {
      this.#removing.delete(key)
    }
  }
}
