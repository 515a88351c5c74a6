import { setImmediate } from 'node:timers/promises'

/** How long others wait at most, in milliseconds. */
const maxTurnMs = 5

/**
 * For loops whose length a client chooses. A loop asks it in every round, and it lets others have the event loop when
 * this one has had it for a while. State that was checked before may have changed after it.
 */
export class LoopTurn {
  #since = performance.now()

  async letOthers(): Promise<void> {
    if (performance.now() - this.#since < maxTurnMs) return
    await setImmediate()
    this.#since = performance.now()
  }
}
