/*
 * The pushes to one repository that wait for its copies share rounds. A push waits for a round that begins after its
 * references have moved, and all that come while one is under way share the next.
 *
 *   idle ──join──▶ under way ──join──▶ under way, and the next one waits ──over──▶ under way
 *     ▲                │ over
 *     └────────────────┘
 */

/** One round of a repository. @param brought what those that share it have brought, in order */
export type RunRound<T> = (brought: readonly T[]) => Promise<void>

export class RepositoryRounds<T> {
  readonly #rounds = new Map<string, Rounds<T>>()

  /**
   * Waits for a round for this repository that begins no sooner than now.
   *
   * @param brought what the round is given of this one
   * @param run runs one round; that of whoever is first is used
   * @throws what the round throws
   */
  async join(repository: string, brought: T, run: RunRound<T>): Promise<void> {
    let rounds = this.#rounds.get(repository)
    if (!rounds) this.#rounds.set(repository, (rounds = { current: undefined, next: undefined }))
    if (!rounds.next) {
      const all: T[] = []
      rounds.next = { all, over: this.#after(repository, rounds, () => run(all)) }
    }
    const { all, over } = rounds.next
    all.push(brought)
    await over
  }

  async #after(repository: string, rounds: Rounds<T>, run: () => Promise<void>): Promise<void> {
    // At least a turn of the event loop: whoever has made this round must bring something first.
    await rounds.current?.catch(() => {})
    // From here on, a push belongs to the round after this one.
    rounds.next = undefined
    const current = run()
    rounds.current = current
    try {
      await current
    } finally {
      if (rounds.current === current) rounds.current = undefined
      if (!rounds.current && !rounds.next) this.#rounds.delete(repository)
    }
  }
}

type Rounds<T> = {
  current: Promise<void> | undefined
  next: { readonly all: T[]; readonly over: Promise<void> } | undefined
}
