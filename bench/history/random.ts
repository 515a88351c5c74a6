import { SeededRandom } from '@sluice/shared/testing/seeded-random'

/** Numbers from 0 to 1 that follow from a seed. */
export function randomFrom(seed: number): () => number {
  const random = new SeededRandom(seed)
  return () => random.next()
}

/** For each track of faults numbers of its own, so that the same seed chooses the same ones. */
export function tracksFrom(seed: number, count: number): (() => number)[] {
  return Array.from({ length: count }, (_, track) => randomFrom(seed + track + 1))
}

/** For a run whose seed nobody has chosen. It must be printed. */
export function anySeed(): string {
  return String(Math.floor(Math.random() * 2 ** 32))
}

/** `choices` must not be empty. */
export function oneOf<T>(random: () => number, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]!
}
