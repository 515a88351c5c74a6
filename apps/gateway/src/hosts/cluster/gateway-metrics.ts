import type { Registry } from 'prom-client'
import { addCounters, addGauge } from '@sluice/shared/telemetry/gauge'
import type { GatewaySees } from '../placement.ts'

export const nothingSeen: GatewaySees = {
  revision: 0,
  troubled: 0,
  missed: { 'not begun': 0, 'misplaced': 0, 'broke off': 0, 'failed': 0 },
}

export function addGatewayMetrics(registry: Registry, look: () => GatewaySees): void {
  const revision = 'The revision of etcd of the newest change of a slot that this gateway knows.'
  addGauge(registry, 'sluice_cluster_table_revision', revision, () => look().revision)
  const troubled = 'Hosts whose leases are live, and that this gateway does not reach, or whose answers fail.'
  addGauge(registry, 'sluice_cluster_troubled_hosts', troubled, () => look().troubled)
  const missed = 'Attempts at hosts that brought no answer and were followed by another one, by why.'
  addCounters(registry, 'sluice_cluster_missed_attempts_total', missed, ['why'], () =>
    Object.entries(look().missed).map(([how, count]) => [[how.replace(' ', '_')], count]),
  )
}
