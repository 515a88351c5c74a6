import { readFileSync } from 'node:fs'
import type { Leftover } from '../worker-message.ts'
import { childrenOf } from './orphans.ts'

/** So many of the processes that outlived git are named. */
const maxNamed = 10

/** The children that a worker has when git has exited: some of them. */
export function leftoversOf(worker: number): Leftover[] {
  return childrenOf(worker)
    .slice(0, maxNamed)
    .map((pid) => ({ pid, name: nameOf(pid) }))
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
  } catch {
    return '' // It has just ended.
  }
}
