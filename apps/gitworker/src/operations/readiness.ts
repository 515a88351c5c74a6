import { access, constants } from 'node:fs/promises'
import { errnoOf } from '@sluice/shared/machine/errno'
import { bounded, readinessOf } from '@sluice/shared/operations/health'
import type { Readiness } from '@sluice/shared/operations/health'
import type { Running } from '@sluice/shared/app/running'
import type { DiskSpace } from '../capacity/disk-space.ts'
import type { RunJob } from '../process/job/job.ts'
import type { Pool } from '../process/pool.ts'

export type ReadinessServices = {
  /** The folder below which all repositories lie. */
  readonly root: string
  readonly config: { readonly createOnPush: boolean }
  readonly pool: Pick<Pool, 'isFailing' | 'isGitFailing'>
  readonly runJob: RunJob
  readonly disks: Pick<DiskSpace, 'shortage'>
  /** Undefined where there is one host only. */
  readonly cluster: { readonly hasJoined: boolean; readonly problem: string | undefined } | undefined
}

/** How long a check may take. The times are long: a host that is only slow must stay in a load balancer's list. */
const rootWithinMs = 3000
const gitWithinMs = 3000

/** @returns a function that tells whether this host takes requests, and if not, why */
export function readinessOfHost(
  { root, config: { createOnPush }, pool, runJob, disks, cluster }: ReadinessServices,
  running: Running,
): () => Promise<Readiness> {
  const lookAtRoot = bounded(() => problemOf(root, createOnPush), rootWithinMs, 'the root does not answer')
  // A host that is not ready gets no requests, so this check itself must find out when git can be started again.
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
        ...(cluster && !cluster.hasJoined && { cluster: 'not in its cluster yet' }),
      },
      // These do not make the host unready: it refuses pushes one by one, and goes on serving reads.
      { disk: await disks.shortage(), ...(cluster?.hasJoined && { cluster: cluster.problem }) },
    )
  }
}

async function problemOf(root: string, createOnPush: boolean): Promise<string | undefined> {
  try {
    await access(root, constants.R_OK | constants.X_OK | constants.W_OK)
    return undefined
  } catch (error) {
    const code = errnoOf(error)
    // The root need not be writable if no repositories are created in it. The same holds for the check at the start.
    if (code === 'EACCES' && !createOnPush) return undefined
    return code === 'EROFS' ? 'the root is read-only' : `the root cannot be used (${code})`
  }
}
