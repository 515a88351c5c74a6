import { Registry } from 'prom-client'
import type { Connections } from '@sluice/shared/connections/connections'
import type { Readiness } from '@sluice/shared/operations/health'
import { addProcessMetrics } from '@sluice/shared/operations/process-metrics'
import { addGauge } from '@sluice/shared/telemetry/gauge'
import { addClientMetrics } from '../admission/client-admission.ts'
import type { ClientAdmission } from '../admission/client-admission.ts'
import type { Placement } from '../hosts/placement.ts'

export type MeasuredParts = {
  readonly placement: Pick<Placement, 'waiting'>
  readonly clientAdmission: ClientAdmission
  readonly connections: Connections
  readonly readiness: () => Promise<Readiness>
}

/** Everything that is measured of a gateway but the requests themselves. */
export function metricsOf({ placement, clientAdmission, connections, readiness }: MeasuredParts): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ app: 'gateway' })
  addClientMetrics(registry, clientAdmission)
  const waitingHelp = 'Requests that wait for their host to be there again.'
  addGauge(registry, 'sluice_host_waiting', waitingHelp, () => placement.waiting)
  addProcessMetrics(registry, connections, readiness)
  return registry
}
