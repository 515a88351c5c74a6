const firstMs = 5000
const longestMs = 60 * 60_000

/** Each pause is off by up to this share, so that not everything is tried again at once. */
const jitter = 0.2

/** An event is tried for so long before it is parked. */
export const triedForMs = 24 * 60 * 60_000

/** Milliseconds until the next attempt. They double with each. @param attempts that failed, one or more @param random from 0 to 1 */
export function pauseAfter(attempts: number, random: number = Math.random()): number {
  const pause = Math.min(longestMs, firstMs * 2 ** Math.min(attempts - 1, 20))
  return pause * (1 - jitter + 2 * jitter * random)
}
