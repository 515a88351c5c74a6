import type { Graces } from '@sluice/shared/worker-message'
import { sessionMembers } from '../process-table.ts'
import { tearDown } from '../teardown.ts'

/**
 * Ends what is left of a session whose leader, a worker, is gone. Resolves when no process of the session lives.
 *
 * @param leader the worker's pid, which is the number of its session and group
 * @param onSignal is told of each signal before it is sent
 */
export async function endSession(
  leader: number,
  graces: Graces,
  onSignal: (signal: 'SIGTERM' | 'SIGKILL') => void,
): Promise<void> {
  await tearDown(
    {
      isEmpty: () => sessionMembers(leader).length === 0,
      terminate: () => signalSession(leader, 'SIGTERM'),
      kill: () => signalSession(leader, 'SIGKILL'),
      beforeSignal: onSignal,
    },
    graces,
  )
}

/** Costs a system call, where a look at the process table costs milliseconds. Also true while only zombies are left. */
export function groupExists(leader: number): boolean {
  return sendSignal(-leader, 0)
}

/** SIGKILL to a worker's group, and so to the worker. */
export function killGroup(leader: number): void {
  sendSignal(-leader, 'SIGKILL')
}

/** The group, and whoever of the session has made a group of its own. */
function signalSession(leader: number, signal: NodeJS.Signals): void {
  sendSignal(-leader, signal)
  for (const pid of sessionMembers(leader)) sendSignal(pid, signal)
}

/** @returns false if there is nobody to receive it: it ended by itself meanwhile */
function sendSignal(to: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(to, signal)
    return true
  } catch {
    return false
  }
}
