/** Does a few things at once, and those first that are urgent. */
export class WorkQueue<T> {
  readonly #urgent: T[] = []
  readonly #others: T[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #atOnce: number
  readonly #act: (work: T) => Promise<void>
  #isClosed = false

  /** @param act must not throw */
  constructor(atOnce: number, act: (work: T) => Promise<void>) {
    this.#atOnce = atOnce
    this.#act = act
  }

  add(work: T, isUrgent: boolean): void {
    if (isUrgent) this.#urgent.push(work)
    else this.#others.push(work)
    this.#fill()
  }

  /** Begins nothing more. @returns what was not begun, when what runs is over */
  async close(): Promise<readonly T[]> {
    this.#isClosed = true
    await Promise.all(this.#running)
    return [...this.#urgent.splice(0), ...this.#others.splice(0)]
  }

  #fill(): void {
    while (this.#running.size < this.#atOnce && !this.#isClosed) {
      const work = this.#urgent.shift() ?? this.#others.shift()
      if (work === undefined) return
      const running = this.#act(work).finally(() => {
        this.#running.delete(running)
        this.#fill()
      })
      this.#running.add(running)
    }
  }
}
