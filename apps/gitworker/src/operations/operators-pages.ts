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
import type { EventsStatus, HostStatus, MaintenanceStatus, MirrorsStatus } from './host-status.ts'
import { statusFiles } from './status-files.ts'

export type StatusSources = {
  readonly pool: Pick<Pool, 'counts'>
  readonly admission: Admission
  readonly leakCheck: Pick<LeakCheck, 'last'>
  readonly disks: Pick<DiskSpace, 'all'>
  readonly activity: Activity
  readonly maintenance: { readonly status: MaintenanceStatus } | undefined
  readonly mirrors: { readonly status: MirrorsStatus } | undefined
  readonly desk: { status(): Promise<EventsStatus> } | undefined
  readonly readiness: () => Promise<Readiness>
  readonly facts: Omit<HostStatus['facts'], 'version'>
}

/** What the supervisor serves on its operators' address: metrics, health, and its status as a page and as JSON. */
export function operatorsPages(registry: Registry, sources: StatusSources): Pages {
  return {
    ...commonPages(registry, sources.readiness),
    '/-/status.json': async () => jsonPage(200, await statusOf(sources)),
    ...Object.fromEntries(statusFiles.entries().map(([path, file]) => [path, () => file])),
  }
}

async function statusOf(sources: StatusSources): Promise<HostStatus> {
  const { pool, admission, leakCheck, disks, activity, maintenance, mirrors, desk, readiness, facts } = sources
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
    maintenance: maintenance?.status,
    mirrors: mirrors?.status,
    events: await desk?.status(),
    leaked: leakCheck.last,
  }
}
