/*
 * The pushes to one repository that wait for its copies share rounds. A push waits for a round that begins after its
 * references have moved, and all that come while one is under way share the next.
 *
 *   idle ──join──▶ under way ──join──▶ under way, and the next one waits ──over──▶ under way
 *     ▲                │ over
 *     └────────────────┘
 */

export class RepositoryRounds {
  readonly #rounds = new Map<string, Round>()

  /**
   * Waits for a round for this repository that begins no sooner than now.
   *
   * @param run runs one round; that of whoever is first is used
   * @throws what the round throws
   */
  async join(repository: string, run: () => Promise<void>): Promise<void> {
    let round = this.#rounds.get(repository)
    if (!round) this.#rounds.set(repository, (round = { current: undefined, next: undefined }))
    const mine = (round.next ??= this.#after(repository, round, run))
    await mine
  }

  async #after(repository: string, round: Round, run: () => Promise<void>): Promise<void> {
    await round.current?.catch(() => {})
    // From here on, a push belongs to the round after this one.
    round.next = undefined
    const current = run()
    round.current = current
    try {
      await current
    } finally {
      if (round.current === current) round.current = undefined
      if (!round.current && !round.next) this.#rounds.delete(repository)
    }
  }
}

type Round = { current: Promise<void> | undefined; next: Promise<void> | undefined }
