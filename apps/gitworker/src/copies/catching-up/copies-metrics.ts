import type { Registry } from 'prom-client'
import { addCounters, addGauges } from '@sluice/shared/telemetry/gauge'
import type { CopiesStatus } from './copies-status.ts'

/** @param brought repositories that were brought to copies since the start */
export function addCopiesMetrics(registry: Registry, status: () => CopiesStatus, brought: () => number): void {
  const copies = 'Copies on other hosts of the slots that this host is primary of, by how they are.'
  addGauges(registry, 'sluice_cluster_copies', copies, 'state', () => Object.entries(status().counts))
  const help =
    'Repositories that this host has brought to copies that catch up, those that were as they should be included.'
  addCounters(registry, 'sluice_cluster_brought_repositories_total', help, [], () => [[[], brought()]])
}
