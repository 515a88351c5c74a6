import { collectDefaultMetrics } from 'prom-client'
import type { Registry } from 'prom-client'
import type { Connections } from '../connections/connections.ts'
import { addGauge } from '../telemetry/gauge.ts'
import { isReady } from './health.ts'
import type { Readiness } from './health.ts'

/** Metrics of each application's process: memory, processor time, descriptors, event loop, connections, readiness. */
export function addProcessMetrics(
  registry: Registry,
  connections: Connections,
  readiness: () => Promise<Readiness>,
): void {
  collectDefaultMetrics({ register: registry })
  addGauge(registry, 'sluice_connections', 'Open connections.', () => connections.size)
  addGauge(registry, 'sluice_ready', '1 if /readyz says so, else 0.', async () => (isReady(await readiness()) ? 1 : 0))
}
