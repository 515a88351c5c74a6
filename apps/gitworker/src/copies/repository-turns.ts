/** Does one thing at a time to each repository, in the order in which they come. */
export class RepositoryTurns {
  /** The last thing that is done to each repository. */
  readonly #last = new Map<string, Promise<unknown>>()

  /** Resolves when nothing is done to a repository that was begun, or waited, until now. At once, as a rule. */
  async untilFree(repository: string): Promise<void> {
    await this.#last.get(repository)?.catch(() => {})
  }

  /** @throws what the act throws */
  async take<T>(repository: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(repository)
    const mine = (before ?? Promise.resolve()).catch(() => {}).then(act)
    this.#last.set(repository, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(repository) === mine) this.#last.delete(repository)
    }
  }
}
