/*
 * A copy of one slot on its way into those in sync, as pushes see it:
 *
 *   behind ──beTold──▶ told ──enter──▶ entering ──▶ over: it is in sync, or it is certain that it is not
 *      └────fail─────────┴──▶ left out
 *
 * behind: what is confirmed meanwhile is noted, to be brought later.
 * told: what is confirmed is told to it, too. Where that fails, it is left out, and the confirmation goes on.
 * entering: the swap that takes it in is under way. Where it cannot be told something now, the confirmation waits until it
 *   is certain whether it is in sync, and takes it out then.
 */

export class Newcomer {
  readonly slot: number
  readonly copy: string
  #changed = new Set<string>()
  readonly #over = Promise.withResolvers<void>()
  #phase: 'behind' | 'told' | 'entering' = 'behind'
  #failure: Error | undefined

  constructor(slot: number, copy: string) {
    this.slot = slot
    this.copy = copy
    this.#over.promise.catch(() => {})
  }

  /** Why it is left out. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Whether confirmations are to tell it. */
  get isTold(): boolean {
    return this.#phase === 'entering' || (this.#phase === 'told' && !this.#failure)
  }

  note(repository: string): void {
    if (this.#phase === 'behind') this.#changed.add(repository)
  }

  /** Takes out the repositories that were confirmed while it was behind. */
  takeChanged(): ReadonlySet<string> {
    const changed = this.#changed
    this.#changed = new Set()
    return changed
  }

  /** What was noted until now must still be brought. */
  beTold(): void {
    this.#phase = 'told'
  }

  /** @returns whether it may be taken in */
  enter(): boolean {
    if (this.#failure) return false
    this.#phase = 'entering'
    return true
  }

  /** Resolves when it is certain whether it is in sync. @throws where that cannot be found out */
  async fail(error: unknown): Promise<void> {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
    if (this.#phase === 'entering') await this.#over.promise
  }

  /** @param doubt why it is not certain whether it is in sync; undefined where it is */
  end(doubt?: unknown): void {
    if (doubt !== undefined) this.#over.reject(doubt)
    else this.#over.resolve()
  }
}

/** All newcomers to the slots of this host. */
export class Newcomers {
  readonly #bySlot = new Map<number, readonly Newcomer[]>()

  /** From now on, what is confirmed in the slot is noted for it. It must be left in the end. */
  begin(slot: number, copy: string): Newcomer {
    const newcomer = new Newcomer(slot, copy)
    this.#bySlot.set(slot, [...this.#of(slot), newcomer])
    return newcomer
  }

  /** @param doubt why it is not certain whether it is in sync; undefined where it is */
  leave(newcomer: Newcomer, doubt?: unknown): void {
    const others = this.#of(newcomer.slot).filter((other) => other !== newcomer)
    if (others.length === 0) this.#bySlot.delete(newcomer.slot)
    else this.#bySlot.set(newcomer.slot, others)
    newcomer.end(doubt)
  }

  /** To be called when a repository has changed, before its state is read. */
  note(slot: number, repository: string): void {
    for (const newcomer of this.#of(slot)) newcomer.note(repository)
  }

  /** The copies that are told what is confirmed. */
  toldOf(slot: number): readonly string[] {
    return this.#of(slot).flatMap(({ isTold, copy }) => (isTold ? copy : []))
  }

  /**
   * A copy could not be told something. Resolves when it is certain whether it is in sync.
   *
   * @throws where that cannot be found out
   */
  async fail(slot: number, copy: string, error: unknown): Promise<void> {
    await this.#of(slot)
      .find((one) => one.copy === copy)
      ?.fail(error)
  }

  #of(slot: number): readonly Newcomer[] {
    return this.#bySlot.get(slot) ?? []
  }
}
