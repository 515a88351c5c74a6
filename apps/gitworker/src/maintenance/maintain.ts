import { setImmediate as nextTurn } from 'node:timers/promises'
import type { RunLongJob } from '../process/job/long-job.ts'
import { freshenObjects } from './freshen.ts'
import { lockForGc } from '../administration/gc/gc-lock.ts'
import { lookAtRepository } from './look.ts'
import type { RepositoryLook } from './look.ts'
import { removeOldTemporaries } from './old-temporaries.ts'
import { planFor } from './plan.ts'
import type { Abilities, Task } from './plan.ts'
import { commandsOf } from './task-commands.ts'

export type MaintainServices = {
  readonly runLongJob: RunLongJob
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Whether other machines write to the repositories, too. */
  readonly isShared: boolean
}

/** What maintenance did to one repository. */
export type Maintained = {
  readonly done: readonly Task['kind'][]
  readonly before: RepositoryLook
  readonly after: RepositoryLook
  /** Paths of what killed gits had left. */
  readonly removed: readonly string[]
}

/** git's own: gc.pruneExpire. */
const defaultGraceMs = 14 * 24 * 60 * 60_000

/**
 * Does to a repository what it needs, beside pushes and fetches.
 *
 * @param gitDir the common directory: absolute, free of symbolic links
 * @returns undefined where there is nothing to do; `busy` where another gc is at work
 * @throws {JobError} where git fails, {Refusal} where there is no worker, the signal's reason
 */
export async function maintain(
  gitDir: string,
  abilities: Abilities,
  { runLongJob, now, isShared }: MaintainServices,
  signal: AbortSignal,
): Promise<Maintained | 'busy' | undefined> {
  const before = await lookAtRepository(gitDir)
  const tasks = planFor(before, abilities, now())
  if (tasks.length === 0) return undefined
  using lock = lockForGc(gitDir)
  if (!lock) return 'busy'
  const removed = await removeOldTemporaries(gitDir, now(), abilities.grace ?? defaultGraceMs, isShared)
  for (const task of tasks) {
    signal.throwIfAborted()
    if (task.kind === 'repack-all' && task.cruft) await freshenObjects(gitDir, now())
    for (const command of commandsOf(task, gitDir)) await runLongJob(command, { signal, repacks: gitDir })
    await nextTurn()
  }
  return { done: tasks.map(({ kind }) => kind), before, after: await lookAtRepository(gitDir), removed }
}

/** Bytes on disk of packs and loose objects. */
export function bytesOf({ packs, looseBytes }: RepositoryLook): number {
  return packs.reduce((total, { bytes }) => total + bytes, looseBytes)
}
