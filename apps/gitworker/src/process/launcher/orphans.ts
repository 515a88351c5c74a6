import { readdirSync, readFileSync } from 'node:fs'
import { isLive, readProcess } from '../process-table.ts'
import type { Process } from '../process-table.ts'
import { signalAll } from '../session.ts'
import { tearDown } from '../teardown.ts'
import type { Graces } from '../worker-message.ts'

/** What is asked of a launcher here. */
type Parent = {
  readonly pid: number
  /** The children that it has forked, and not reaped. */
  readonly workers: ReadonlySet<number>
  readonly hasEnded: boolean
  tryToReap(pid: number): Promise<number>
}

/**
 * Ends and reaps the children of a launcher that it has not forked: it has become their parent when their worker was killed,
 * so their request is over. Their pids are theirs until they are reaped, if the launcher lives.
 *
 * @returns what lived, if anything
 */
export async function endOrphans(launcher: Parent, graces: Graces): Promise<Process[]> {
  const ended: Process[] = []
  for (;;) {
    const orphans = await orphansOf(launcher)
    if (orphans.length === 0) return ended
    ended.push(...orphans.filter(isLive))
    const living = () => orphans.filter(isStillLive)
    await tearDown(
      {
        isEmpty: () => living().length === 0,
        terminate: () => signalAll(living(), 'SIGTERM'),
        kill: () => signalAll(living(), 'SIGKILL'),
      },
      graces,
    )
    await Promise.all(orphans.map(({ pid }) => launcher.tryToReap(pid)))
  }
}

async function orphansOf(launcher: Parent): Promise<Process[]> {
  const children = childrenOf(launcher.pid)
  if (children.every((pid) => launcher.workers.has(pid))) return []
  // An answer to this comes behind those to all forks of these children.
  await launcher.tryToReap(0)
  if (launcher.hasEnded) return []
  return children
    .filter((pid) => !launcher.workers.has(pid))
    .map(readProcess)
    .filter((process) => process !== undefined && process.parent === launcher.pid)
    .filter((process) => process !== undefined)
}

/** The children of all threads of a process, zombies included. Empty where it has ended. */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}

/** Whether a worker, of whatever launcher, lives with this pid: it leads a session, and has the name. */
export function isLiveWorker(pid: number): boolean {
  const found = readProcess(pid)
  return found !== undefined && isLive(found) && found.session === pid && found.name === workerName
}

const workerName = 'sluice-worker'

/** Without the launcher, which may die meanwhile, PID 1 reaps it, and its pid may become another process's. */
function isStillLive({ pid, startedAt }: Process): boolean {
  const found = readProcess(pid)
  return found !== undefined && isLive(found) && found.startedAt === startedAt
}
