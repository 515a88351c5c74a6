import { within } from '../src/machine/race.ts'

/**
 * How long tests wait for what must come, in milliseconds. It is the same for a reply, a start and an end, and far more than
 * any of them takes: where it is used up, something is stuck. SLUICE_TEST_PATIENCE stretches it for slow machines: 5 is five
 * times as long.
 */
export const patienceMs = 60_000 * Number(process.env['SLUICE_TEST_PATIENCE'] ?? 1)

/** Waits for a promise; fails when patience is at its end, saying what it waited for, and lets go of nothing by itself. */
export async function patiently<T>(what: string, promise: PromiseLike<T>, withinMs = patienceMs): Promise<T> {
  const late = Symbol('late')
  const got = await within(withinMs, promise, late)
  if (got === late) throw new Error(`Waited ${withinMs} ms in vain: ${what}`)
  return got
}
