import { Registry } from 'prom-client'
import { ClusterMetrics } from '../../apps/gitworker/src/cluster/shown/cluster-metrics.ts'
import { FollowedWays } from '../../apps/gitworker/src/copies/copy/followed-ways.ts'
import { addCopiesMetrics } from '../../apps/gitworker/src/copies/catching-up/copies-metrics.ts'

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
  const counts = { in_sync: 0, under_way: 0, failed: 0, away: 0 }
  addCopiesMetrics(
    registry,
    () => ({ counts, catchingUp: [], problems: [], olderSlots: 0 }),
    () => 0,
    new FollowedWays(),
  )
  return await registry.metrics()
}
