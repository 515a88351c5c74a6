import { SeededRandom } from '@sluice/shared/testing/seeded-random'

/** Numbers from 0 to 1 that follow from a seed. */
export function randomFrom(seed: number): () => number {
  const random = new SeededRandom(seed)
  return () => random.next()
}

/** `choices` must not be empty. */
export function oneOf<T>(random: () => number, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]!
}
