import { clusterSummaryOf } from '@sluice/shared/placement/cluster-summary'
import type { ClusterSummary } from '@sluice/shared/placement/cluster-summary'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import { stateOf } from '@sluice/shared/placement/cluster-status'
import type { SlotState } from '@sluice/shared/placement/cluster-status'
import { slotOf } from '@sluice/shared/placement/slot'
import type { ClusterProgress } from '../../copies/progress/all-progress.ts'

export type ClusterLookServices = {
  /** Of this host. */
  readonly name: string
  /** The cluster as this host sees it. */
  readonly view: () => ClusterView
  /** Undefined where nothing is copied. */
  readonly progress: (() => Promise<ClusterProgress>) | undefined
}

/** The cluster for its operators. `progress` is null where nothing is copied, or nobody was asked. */
export type ShownCluster = ClusterSummary & { readonly progress: ClusterProgress | null }

/** Who keeps a repository: the hosts of its slot. */
export type Keepers = {
  readonly slot: number
  readonly state: SlotState
  /** The host that says this. */
  readonly here: string
  /** Null: nobody takes pushes. */
  readonly primary: string | null
  /** The host that is to become primary. */
  readonly next: string | null
  readonly term: number | null
  /** Whether all hosts have it in one shared folder: then `copies` are those that it is read from. */
  readonly isShared: boolean
  /** The primary is the first. */
  readonly copies: readonly {
    readonly host: string
    readonly isLive: boolean
    /** Whether it has every acknowledged push. */
    readonly isInSync: boolean
  }[]
}

/** What operators ask about the cluster. It changes nothing. */
export class ClusterLook {
  readonly #services: ClusterLookServices

  constructor(services: ClusterLookServices) {
    this.#services = services
  }

  async cluster(): Promise<ShownCluster> {
    const { view, progress } = this.#services
    return { ...clusterSummaryOf(view()), progress: (await progress?.()) ?? null }
  }

  keepersOf(repository: string): Keepers {
    const { name, view } = this.#services
    const known = view()
    const slot = slotOf(repository)
    const record = known.slots[slot]
    const { primary, copies = [], inSync = [] } = record ?? {}
    const inOrder = copies.toSorted((one, other) => Number(other === primary) - Number(one === primary))
    return {
      slot,
      state: stateOf(record, known),
      here: name,
      primary: primary ?? null,
      next: record?.next ?? null,
      term: record?.term ?? null,
      isShared: known.format?.storage === 'shared',
      copies: inOrder.map((host) => ({ host, isLive: known.hosts.has(host), isInSync: inSync.includes(host) })),
    }
  }
}
