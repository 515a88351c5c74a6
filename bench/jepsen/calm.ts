import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { until } from '@sluice/shared/testing/until'
import type { LeasesInDoubt } from '../history/leases-in-doubt.ts'

/** One moment, by `Date.now()` and by `performance.now()`. */
type Moment = { readonly at: number; readonly now: number }

/**
 * Waits for some time in which all is well: all repositories are served, and no lease is in doubt. Where a slow machine lets a
 * lease lapse, that time begins again. @returns its beginning; of the last one, if none is calm for as long as tests wait
 */
export async function untilCalm(cluster: Cluster, leases: LeasesInDoubt, calmMs: number): Promise<Moment> {
  let since = now()
  const wasCalm = async () => {
    await cluster.ready()
    since = now()
    await pause(calmMs)
    return !leases.were(since.at, Date.now())
  }
  await until('no lease to be in doubt for a while', wasCalm).catch(() => {})
  return since
}

function now(): Moment {
  return { at: Date.now(), now: performance.now() }
}
