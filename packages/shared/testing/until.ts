import { patienceMs } from './patience.ts'

const lookEveryMs = { atFirst: 10, later: 50 }

/**
 * Waits until `look` returns something other than undefined or false. Fails when the time is over, with the name of
 * what it waited for. What takes long is looked at less often: looking is work for the very machine that is waited for.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = patienceMs,
): Promise<Exclude<T, false | null | undefined>> {
  const began = performance.now()
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== null && seen !== false) return seen as Exclude<T, false | null | undefined>
    const waited = performance.now() - began
    if (waited > withinMs) throw new Error(`Waited ${withinMs} ms in vain: ${what}`)
    const pauseMs = Math.min(lookEveryMs.later, Math.max(lookEveryMs.atFirst, waited / 10))
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
