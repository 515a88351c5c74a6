import { setTimeout as pause } from 'node:timers/promises'
import type { History } from '../history.ts'
import { checkHistory } from './check-history.ts'

const lookEveryMs = 5000
/** Of all time. While checks run, nothing passes through this process, and clients and proxies stand still. */
const mostTime = 1 / 50

/** Checks a history while it is made, forgets what is right, and ends the run as soon as anything is wrong. */
export async function checkMeanwhile(history: History, ending: AbortController, say: (line: string) => void) {
  let waitMs = lookEveryMs
  while (!ending.signal.aborted) {
    await pause(waitMs, undefined, { signal: ending.signal }).catch(() => {})
    if (ending.signal.aborted) return
    const began = performance.now()
    const wrong = checkHistory(history).filter(({ found }) => found.length > 0)
    for (const { what, found } of wrong) say(`${what}: ${found[0]}`)
    if (wrong.length > 0) return ending.abort()
    history.forget()
    waitMs = Math.max(lookEveryMs, (performance.now() - began) / mostTime)
  }
}
