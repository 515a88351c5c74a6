import { Registry } from 'prom-client'
import { ClusterMetrics } from '../../apps/gitworker/src/cluster/shown/cluster-metrics.ts'

/** The metrics that a host of a cluster has beside those that gateways have, too: in the text format of Prometheus. */
export async function clusterHostMetricsText(): Promise<string> {
  const registry = new Registry()
  new ClusterMetrics(registry).show(registry, () => ({
    name: '',
    address: '',
    zone: '',
    weight: 0,
    storage: 'shared',
    isLeaving: false,
    lease: undefined,
    revision: 0,
    slots: { inAll: 0, primary: 0, inSync: 0, handingOver: 0, withoutPrimary: 0 },
    newestTerm: undefined,
    handedOver: 0,
    refused: {},
    others: [],
  }))
  return await registry.metrics()
}
