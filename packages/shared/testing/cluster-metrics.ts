import { Registry } from 'prom-client'
import { addClusterMetrics } from '../src/operations/cluster-metrics.ts'
import { nothingKnown } from '../src/placement/cluster-view.ts'

/** What members of a cluster serve at `/metrics` beyond what others do: the text format of Prometheus. */
export async function clusterMetricsText(): Promise<string> {
  const registry = new Registry()
  const view = nothingKnown({ app: 'gateway', name: '' })
  addClusterMetrics(registry, () => view)
  return await registry.metrics()
}
