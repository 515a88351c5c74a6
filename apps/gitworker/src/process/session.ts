import type { Graces } from './worker-message.ts'
import { isLive, isSame } from './process-table.ts'
import type { Process } from './process-table.ts'
import { processesOf } from './request-processes.ts'
import type { RequestMark } from './request-processes.ts'
import { tearDown } from './teardown.ts'

/**
 * Ends what is left of a request whose worker is dead, or belongs to an earlier supervisor. Resolves when nothing of the
 * request lives.
 *
 * @param onSignal is called before each signal, with the processes that it is for
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

/** Sends SIGKILL to a worker's group and the worker itself, which must not have been reaped. */
export function killGroup(leader: number): void {
  sendSignal(-leader, 'SIGKILL')
}

/** Signals the group as a whole, so that no process is missed that is just being forked, and the others one by one. */
function signalRequest(leader: number, targets: readonly Process[], signal: NodeJS.Signals): void {
  // While one of them is in the group, its number cannot be another group's.
  const isOurs = targets.some((target) => target.group === leader && isSame(target))
  if (isOurs) sendSignal(-leader, signal)
  signalAll(
    targets.filter(({ group }) => !isOurs || group !== leader),
    signal,
  )
}

/** Signals processes one by one, if the pid still belongs to the process that was seen. */
export function signalAll(targets: readonly Process[], signal: NodeJS.Signals): void {
  for (const target of targets) if (isSame(target)) sendSignal(target.pid, signal)
}

/** The receiver may have ended by itself meanwhile. */
export function sendSignal(to: number, signal: NodeJS.Signals): void {
  try {
    process.kill(to, signal)
  } catch {}
}
