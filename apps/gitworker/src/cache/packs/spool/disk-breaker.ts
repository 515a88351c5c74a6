import { SpoolBudgetError } from './spool-folder.ts'

/** How long the cache does without its disk after a problem with it. */
const offMs = 60_000

/** A circuit breaker: after a problem with the disk, no pack is shared for a minute. */
export class DiskBreaker implements Disposable {
  readonly #onProblem: (message: string) => void
  #timer: NodeJS.Timeout | undefined
  #failsUntil = 0
  #isClosed = false

  /** @param onProblem is told once for each time that the cache does without its disk */
  constructor(onProblem: (message: string) => void) {
    this.#onProblem = onProblem
  }

  /** Whether packs are not shared now. */
  get isOff(): boolean {
    return this.#timer !== undefined
  }

  /** Whether the disk itself is failing. If only the budget of shared packs is used up, slow readers may still have theirs. */
  get isFailing(): boolean {
    return performance.now() < this.#failsUntil
  }

  trip(error: Error): void {
    if (!(error instanceof SpoolBudgetError)) this.#failsUntil = performance.now() + offMs
    if (this.isOff || this.#isClosed) return
    this.#timer = setTimeout(() => (this.#timer = undefined), offMs).unref()
    this.#onProblem(`Packs are not cached for ${offMs / 1000} s: ${error.message}`)
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }
}
