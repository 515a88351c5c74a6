import { Counter } from 'prom-client'
import type { Registry } from 'prom-client'
import { addCounters, addGauge, addGauges } from '@sluice/shared/telemetry/gauge'
import type { Reason } from '@sluice/shared/refusal/reasons'
import type { ClusterHostStatus } from './cluster-status.ts'

/** What this host does in its cluster, for operators. */
export class ClusterMetrics {
  readonly #refused: Counter<'reason'>
  readonly #counts = new Map<Reason, number>()

  constructor(registry: Registry) {
    this.#refused = new Counter({
      name: 'sluice_cluster_refused_total',
      help: 'Requests that this host did not serve because of its place in the cluster, and pushes that it did not acknowledge.',
      labelNames: ['reason'],
      registers: [registry],
    })
  }

  refused(reason: Reason): void {
    this.#refused.inc({ reason })
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  /** Since the start, by reason. */
  get counts(): Readonly<Partial<Record<Reason, number>>> {
    return Object.fromEntries(this.#counts)
  }

  /** Adds the metrics whose values are read when they are scraped. */
  show(registry: Registry, status: () => ClusterHostStatus): void {
    const isLive = 'Whether the lease of this host is surely live: 1 or 0.'
    addGauge(registry, 'sluice_cluster_lease_live', isLive, () => (status().lease?.isLive === true ? 1 : 0))
    const revision = 'The newest revision of a slot that this host has heard of.'
    addGauge(registry, 'sluice_cluster_revision', revision, () => status().revision)
    const slots = 'Slots by what this host is to them.'
    addGauges(registry, 'sluice_cluster_slots', slots, 'state', () => {
      const { primary, inSync, handingOver, withoutPrimary } = status().slots
      return Object.entries({
        primary,
        in_sync: inSync,
        handing_over: handingOver,
        without_primary: withoutPrimary,
      })
    })
    const handedOver = 'Slots that this host has handed over to another.'
    addCounters(registry, 'sluice_cluster_handed_over_total', handedOver, [], () => [[[], status().handedOver]])
  }
}
