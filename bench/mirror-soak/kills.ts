import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Stack } from '@sluice/shared/testing/stack'

export type Killed = { git: number; worker: number; supervisor: number }

const everyMs = 400
const supervisorEveryMs = 12_000

/** Kills git processes and workers of a stack at random, and its supervisor now and then, which is started again. */
export async function killAtRandom(stack: Stack, until: number, restart: () => Promise<void>): Promise<Killed> {
  const killed: Killed = { git: 0, worker: 0, supervisor: 0 }
  let supervisorAt = performance.now() + supervisorEveryMs
  while (performance.now() < until) {
    await pause(everyMs * 2 * Math.random())
    if (performance.now() >= supervisorAt) {
      await restart()
      killed.supervisor++
      supervisorAt = performance.now() + supervisorEveryMs
      continue
    }
    const pids = await stack.gitProcesses()
    const pid = pids[Math.floor(Math.random() * pids.length)]
    if (pid === undefined) continue
    const what = Math.random() < 0.7 ? 'git' : 'worker'
    if (kill(what === 'git' ? pid : await sessionOf(pid))) killed[what]++
  }
  return killed
}

async function sessionOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
}

function kill(pid: number): boolean {
  try {
    return pid > 1 && process.kill(pid, 'SIGKILL')
  } catch {
    return false // It has ended already.
  }
}
