import type { Graces } from './worker-message.ts'
import { isLive, isSame } from './process-table.ts'
import type { Process } from './process-table.ts'
import { processesOf } from './request-processes.ts'
import type { RequestMark } from './request-processes.ts'
import { tearDown } from './teardown.ts'

/**
 * Ends what is left of a request whose worker is gone, or is not ours to talk to. Resolves when nothing of it lives.
 *
 * @param onSignal is told of each signal before it is sent, and whom it is for
 */
export async function endSession(
  mark: RequestMark,
  graces: Graces,
  onSignal: (signal: 'SIGTERM' | 'SIGKILL', to: readonly Process[]) => void,
): Promise<void> {
  let known: Process[] = []
  const living = () => (known = processesOf(mark, known).filter(isLive))
  await tearDown(
    {
      isEmpty: () => living().length === 0,
      terminate: () => signalRequest(mark.leader, living(), 'SIGTERM'),
      kill: () => signalRequest(mark.leader, living(), 'SIGKILL'),
      beforeSignal: (signal) => onSignal(signal, living()),
    },
    graces,
  )
}

/** SIGKILL to a worker's group, and so to the worker, which must not have been reaped. */
export function killGroup(leader: number): void {
  sendSignal(-leader, 'SIGKILL')
}

/** The group at once, so that nothing is missed that is being forked, and whoever is not in it. */
function signalRequest(leader: number, targets: readonly Process[], signal: NodeJS.Signals): void {
  // As long as one of them has it, the group's number cannot be a stranger's.
  const isOurs = targets.some((target) => target.group === leader && isSame(target))
  if (isOurs) sendSignal(-leader, signal)
  signalAll(
    targets.filter(({ group }) => !isOurs || group !== leader),
    signal,
  )
}

/** One by one, where the pid is still that of the process that was seen. */
export function signalAll(targets: readonly Process[], signal: NodeJS.Signals): void {
  for (const target of targets) if (isSame(target)) sendSignal(target.pid, signal)
}

/** Whoever is to receive it may have ended by itself meanwhile. */
function sendSignal(to: number, signal: NodeJS.Signals): void {
  try {
    process.kill(to, signal)
  } catch {}
}
