import type { Registry } from 'prom-client'
import { addCounters, addGauges } from '@sluice/shared/telemetry/gauge'
import type { FollowedWays } from '../copy/followed-ways.ts'
import type { CopiesStatus } from './copies-status.ts'

/** @param brought repositories that were brought to copies since the start */
export function addCopiesMetrics(
  registry: Registry,
  status: () => CopiesStatus,
  brought: () => number,
  ways: Pick<FollowedWays, 'counts'>,
): void {
  const copies = 'Copies on other hosts of the slots that this host is primary of, by how they are.'
  addGauges(registry, 'sluice_cluster_copies', copies, 'state', () => Object.entries(status().counts))
  const help =
    'Repositories that this host has brought to copies that catch up, those that were as they should be included.'
  addCounters(registry, 'sluice_cluster_brought_repositories_total', help, [], () => [[[], brought()]])
  const followed =
    'What this host has followed as a copy while somebody waited, by how: it had the state (none), took a push as it came (push), fetched (fetch), or fetched since it could not take the push (fetch_instead).'
  addCounters(registry, 'sluice_cluster_followed_states_total', followed, ['way'], () =>
    [...ways.counts].map(([way, count]) => [[way], count]),
  )
}
