import { setImmediate } from 'node:timers/promises'

/** How long others wait at most, in milliseconds. */
const maxTurnMs = 5

/**
 * For loops whose length a client chooses. A loop calls it in every round, and it yields the event loop when the loop
 * has had it for a while. What was checked before a yield may have changed after it.
 */
export class LoopTurn {
  #since = performance.now()

  async letOthers(): Promise<void> {
    if (performance.now() - this.#since < maxTurnMs) return
    await setImmediate()
    this.#since = performance.now()
  }
}
