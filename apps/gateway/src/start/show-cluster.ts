import { hostname } from 'node:os'
import type { Registry } from 'prom-client'
import { formatAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { addClusterMetrics } from '@sluice/shared/operations/cluster-metrics'
import { clusterPages } from '@sluice/shared/operations/cluster-pages'
import type { Pages } from '@sluice/shared/operations/operations'
import { addGatewayMetrics } from '../hosts/cluster/gateway-metrics.ts'
import type { ClusterSight } from '../hosts/placement.ts'

/**
 * Adds what this gateway sees of its cluster to the metrics.
 *
 * @param listen where this gateway listens, which names it
 * @returns the pages that show it
 */
export function showCluster(cluster: ClusterSight, registry: Registry, listen: Address): Pages {
  const name = nameOf(listen)
  const look = () => cluster.view(name)
  addClusterMetrics(registry, look)
  addGatewayMetrics(registry, () => cluster.sees)
  return clusterPages(look)
}

function nameOf(listen: Address): string {
  const isAny = listen.kind === 'tcp' && (listen.host === '0.0.0.0' || listen.host === '::')
  return formatAddress(isAny ? { ...listen, host: hostname() } : listen)
}
