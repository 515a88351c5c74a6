import { access, constants } from 'node:fs/promises'
import { errnoOf } from '@sluice/shared/machine/errno'
import { bounded, readinessOf } from '@sluice/shared/operations/health'
import type { Readiness } from '@sluice/shared/operations/health'
import type { Running } from '@sluice/shared/app/running'
import type { DiskSpace } from '../capacity/disk-space.ts'
import type { RunJob } from '../process/job.ts'
import type { Pool } from '../process/pool.ts'

export type ReadinessServices = {
  /** The folder below which all repositories lie. */
  readonly root: string
  readonly createOnPush: boolean
  readonly pool: Pick<Pool, 'isFailing' | 'isGitFailing'>
  readonly runJob: RunJob
  readonly disks: Pick<DiskSpace, 'shortage'>
}

/** How long a check may take. These are long, because a host that is only slow must stay in a load balancer's list. */
const rootWithinMs = 3000
const gitWithinMs = 3000

/** @returns a function that tells whether this host takes requests, and if not, why */
export function readinessOfHost(
  { root, createOnPush, pool, runJob, disks }: ReadinessServices,
  running: Running,
): () => Promise<Readiness> {
  const lookAtRoot = bounded(() => problemOf(root, createOnPush), rootWithinMs, 'the root does not answer')
  // Nobody sends requests to a host that is not ready: whether git can be started again must be tried from here.
  const tryGit = async () => {
    await runJob(['version']).catch(() => {})
    return pool.isGitFailing ? 'git cannot be started' : undefined
  }
  const lookAtGit = bounded(tryGit, gitWithinMs, 'git cannot be started')
  return async () => {
    if (running.isLeaving) return readinessOf({ accepting: 'draining' })
    return readinessOf(
      {
        accepting: undefined,
        workers: pool.isFailing ? 'workers cannot be started' : undefined,
        git: pool.isGitFailing ? await lookAtGit() : undefined,
        root: await lookAtRoot(),
      },
      // Pushes are refused then, one by one; who only reads is to be served on.
      { disk: await disks.shortage() },
    )
  }
}

async function problemOf(root: string, createOnPush: boolean): Promise<string | undefined> {
  try {
    await access(root, constants.R_OK | constants.X_OK | constants.W_OK)
    return undefined
  } catch (error) {
    const code = errnoOf(error)
    // Repositories below it may well be ours to write: so it was at the start.
    if (code === 'EACCES' && !createOnPush) return undefined
    return code === 'EROFS' ? 'the root is read-only' : `the root cannot be used (${code})`
  }
}
