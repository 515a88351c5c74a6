import type { Graces } from './worker-message.ts'

/*
 * The end of a request's processes, for every reason alike, in the worker and in the supervisor:
 *
 *   pipes closed ──grace──▶ SIGTERM ──grace──▶ SIGKILL ──▶ empty ──▶ what it left on disk is removed
 *        └────────────────────┴───────────────────┴── as soon as nothing lives ──▶
 *
 * The pipes are closed by whoever holds them, before this begins: a half-sent push then ends by itself within
 * milliseconds and takes its quarantine with it, which no signal makes it do.
 */

/** All the processes of one request. */
export type Target = {
  /** Whether none of them lives. */
  isEmpty(): boolean
  terminate(): void
  /** May have to be called again: what a killed process leaves is found only then. */
  kill(): void
  /** Called before each signal, while those who may leave something can still be asked. */
  beforeSignal?(signal: 'SIGTERM' | 'SIGKILL'): void
}

/** How often a target is looked at. */
const lookEveryMs = 20

/** Resolves when nothing of the target lives, with the strongest signal that it took. */
export async function tearDown(target: Target, graces: Graces): Promise<'SIGTERM' | 'SIGKILL' | undefined> {
  if (await emptyWithin(target, graces.term)) return undefined
  target.beforeSignal?.('SIGTERM')
  target.terminate()
  if (await emptyWithin(target, graces.kill)) return 'SIGTERM'
  target.beforeSignal?.('SIGKILL')
  do target.kill()
  while (!(await emptyWithin(target, lookEveryMs)))
  return 'SIGKILL'
}

async function emptyWithin(target: Target, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds
  for (;;) {
    if (target.isEmpty()) return true
    const left = deadline - performance.now()
    if (left <= 0) return false
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, lookEveryMs)))
  }
}
