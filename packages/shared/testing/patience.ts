import { within } from '../src/machine/race.ts'

/**
 * How long tests wait for what must come, in milliseconds. The bound is the same for a reply, a start and an end, and
 * far more than any of them takes: if it is used up, something is stuck. SLUICE_TEST_PATIENCE multiplies it for slow
 * machines.
 */
export const patienceMs = 60_000 * Number(process.env['SLUICE_TEST_PATIENCE'] ?? 1)

/** Waits for a promise. Fails when the time is over, with the name of what it waited for. It ends nothing by itself. */
export async function patiently<T>(what: string, promise: PromiseLike<T>, withinMs = patienceMs): Promise<T> {
  const late = Symbol('late')
  const got = await within(withinMs, promise, late)
  if (got === late) throw new Error(`Waited ${withinMs} ms in vain: ${what}`)
  return got
}
