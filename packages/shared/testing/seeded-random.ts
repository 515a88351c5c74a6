/** Random numbers that are the same for the same seed (mulberry32). */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** From 0 to 1. */
  next(): number {
    const state = (this.#state = (this.#state + 0x6d2b79f5) | 0)
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.next() * choices.length)]!
  }
}

/**
 * The seed of a test whose cases are random. It is always `usual`, so that the code decides the test and not chance, unless
 * `SLUICE_TEST_SEED` is another whole number below 10^9. The test has the seed in its name, so that a failure tells it.
 */
export function testSeed(usual: number): number {
  const chosen = process.env['SLUICE_TEST_SEED']
  if (chosen === undefined) return usual
  if (!/^\d{1,9}$/.test(chosen)) throw new Error(`SLUICE_TEST_SEED is ${chosen}. It must be a whole number below 10^9.`)
  return Number(chosen)
}
