import type { Registry } from 'prom-client'
import { slotStates, stateOf } from '../placement/cluster-status.ts'
import type { ClusterView } from '../placement/cluster-view.ts'
import { addGauge, addGauges } from '../telemetry/gauge.ts'

/** The cluster as one of its members sees it. Each member says the same, unless it is cut off. */
export function addClusterMetrics(registry: Registry, look: () => ClusterView): void {
  const served = 'Slots of the cluster, by what can be done with them.'
  addGauges(registry, 'sluice_cluster_served_slots', served, 'state', () => {
    const view = look()
    const counts = new Map<string, number>(slotStates.map((state) => [state, 0]))
    for (const slot of view.slots) {
      const state = stateOf(slot, view)
      counts.set(state, counts.get(state)! + 1)
    }
    return [...counts]
  })
  const hosts = 'Hosts of the cluster whose leases are live.'
  addGauges(registry, 'sluice_cluster_hosts', hosts, 'state', () => {
    const records = [...look().hosts.values()]
    const leaving = records.filter(({ isLeaving }) => isLeaving).length
    return [
      ['staying', records.length - leaving],
      ['leaving', leaving],
    ]
  })
  const format = 'Whether what the cluster agrees on, the key "format", can be read in etcd: 1 or 0.'
  addGauge(registry, 'sluice_cluster_format_known', format, () => (look().formatProblem === undefined ? 1 : 0))
  const away = 'For how long etcd has not answered; 0 while it does.'
  addGauge(registry, 'sluice_cluster_etcd_away_seconds', away, () => look().awayForMs / 1000)
}
