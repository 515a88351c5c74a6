import type { Contestant } from '../peers/contestant.ts'

/**
 * Numbers from 0 on, the same for each contestant. No contestant gets the same task twice, and all get the same tasks.
 */
export class Sequence {
  readonly #next = new Map<string, number>()

  next({ name }: Contestant): number {
    const number = this.#next.get(name) ?? 0
    this.#next.set(name, number + 1)
    return number
  }
}
