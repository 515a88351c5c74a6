import type { Registry } from 'prom-client'
import type { Readiness } from '@sluice/shared/operations/health'
import { isReady } from '@sluice/shared/operations/health'
import { commonPages, jsonPage } from '@sluice/shared/operations/operations'
import type { Pages } from '@sluice/shared/operations/operations'
import { version } from '@sluice/shared/version'
import type { Activity } from './activity.ts'
import { laneNames } from '../capacity/admission.ts'
import type { Admission } from '../capacity/admission.ts'
import type { DiskSpace } from '../capacity/disk-space.ts'
import type { LeakCheck } from '../process/leak-check.ts'
import type { Pool } from '../process/pool.ts'
import { statusPage } from './page-files.ts'
import type { Status } from './host-status.ts'

export type Shown = {
  readonly pool: Pick<Pool, 'counts'>
  readonly admission: Admission
  readonly leakCheck: Pick<LeakCheck, 'last'>
  readonly disks: Pick<DiskSpace, 'all'>
  readonly activity: Activity
  readonly readiness: () => Promise<Readiness>
  readonly facts: Omit<Status['facts'], 'version'>
}

/** What the supervisor serves on its operators' address: metrics, health, and the status page with its JSON twin. */
export function operatorsPages(registry: Registry, shown: Shown): Pages {
  return {
    ...commonPages(registry, shown.readiness),
    '/-/status': () => statusPage('/-/status')!,
    '/-/status.css': () => statusPage('/-/status.css')!,
    '/-/status.js': () => statusPage('/-/status.js')!,
    '/-/status.json': async () => jsonPage(200, await statusOf(shown)),
  }
}

async function statusOf({ pool, admission, leakCheck, disks, activity, readiness, facts }: Shown): Promise<Status> {
  const ready = await readiness()
  const { lanes } = admission
  return {
    at: new Date().toISOString(),
    facts: { version, ...facts },
    uptimeSeconds: Math.round(process.uptime()),
    memoryBytes: process.memoryUsage.rss(),
    ready: isReady(ready),
    reason: ready.reason,
    workers: pool.counts,
    lanes: laneNames.map((lane) => {
      const { slots, running, waiting, limits } = lanes[lane]
      return { lane, slots, configured: limits.slots, running, waiting, queueLength: limits.queueLength }
    }),
    requests: activity.requests,
    requestsInAll: activity.size,
    failures: activity.failures,
    disks: (await disks.all()).map(([disk, space]) => ({ disk, ...space })),
    leaked: leakCheck.last,
  }
}
