import { clusterStatusOf } from './cluster-status.ts'
import type { ClusterStatus } from './cluster-status.ts'
import type { ClusterView } from './cluster-view.ts'

/** What is known of a cluster, without its single slots. */
export type ClusterSummary = Omit<ClusterStatus, 'slots'> & {
  readonly slots: Pick<ClusterStatus['slots'], 'counts' | 'inSync'> & { readonly inAll: number }
}

export function clusterSummaryOf(view: ClusterView): ClusterSummary {
  const { slots, ...rest } = clusterStatusOf(view)
  const { counts, inSync, states } = slots
  return { ...rest, slots: { inAll: states.length, counts, inSync } }
}
