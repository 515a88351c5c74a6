import type { Graces } from './worker-message.ts'

/*
 * How the processes of a request are ended, for whatever reason, in the worker and in the supervisor:
 *
 *   pipes closed ──grace──▶ SIGTERM ──grace──▶ SIGKILL ──▶ empty ──▶ what it left on disk is removed
 *        └────────────────────┴───────────────────┴── as soon as nothing lives ──▶
 *
 * Whoever holds the pipes closes them before this begins. A push that was half sent then ends by itself within
 * milliseconds, and removes its quarantine, which it does not do on a signal.
 */

/** All the processes of one request. */
export type Target = {
  /** Whether none of them lives. */
  isEmpty(): boolean
  terminate(): void
  /** May have to be called again: the children of a killed process may be found only then. */
  kill(): void
  /** Is called before each signal is sent. */
  beforeSignal?(signal: 'SIGTERM' | 'SIGKILL'): void
}

/** How often a target is checked. */
const lookEveryMs = 20

/** Resolves when nothing of the target lives, with the strongest signal that was needed. */
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
