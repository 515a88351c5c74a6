import { setImmediate } from 'node:timers/promises'

/** Others wait for so long at most. In milliseconds. */
const maxTurnMs = 5

/**
 * For loops whose length a client chooses: to be asked with every round, it lets others have the event loop when this one
 * has had it for a while. What is judged in between may have changed.
 */
export class LoopTurn {
  #since = performance.now()

  async letOthers(): Promise<void> {
    if (performance.now() - this.#since < maxTurnMs) return
    await setImmediate()
    this.#since = performance.now()
  }
}
