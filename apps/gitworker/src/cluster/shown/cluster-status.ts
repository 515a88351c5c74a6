import type { Reason } from '@sluice/shared/refusal/reasons'

/** How a host stands in its cluster, for operators. */
export type ClusterHostStatus = {
  readonly name: string
  /** Where gateways reach it: host:port. */
  readonly address: string
  readonly zone: string
  readonly weight: number
  readonly storage: 'own' | 'shared'
  readonly isLeaving: boolean
  /** Undefined where this host is no member of its cluster. */
  readonly lease: LeaseStatus | undefined
  /** Of the newest change of a slot that it has heard of. */
  readonly revision: number
  /** How many slots, of all. */
  readonly slots: SlotCounts
  /** The highest term among those that it is primary of; undefined where it is primary of none. */
  readonly newestTerm: number | undefined
  /** Slots that it has handed over since its start. */
  readonly handedOver: number
  /** Requests that it did not serve since its start, by reason. */
  readonly refused: Readonly<Partial<Record<Reason, number>>>
  /** The other hosts that live, as it knows them. */
  readonly others: readonly { readonly name: string; readonly address: string; readonly isLeaving: boolean }[]
}

export type LeaseStatus = {
  readonly id: string
  readonly ttlMs: number
  /** By its own clock, less a margin. */
  readonly isLive: boolean
}

export type SlotCounts = {
  readonly inAll: number
  /** This host accepts their pushes. */
  readonly primary: number
  /** This host serves their reads: those that it is primary of included. */
  readonly inSync: number
  /** Closed to new pushes, until those that run are over. */
  readonly handingOver: number
  /** Slots that no host is primary of. */
  readonly withoutPrimary: number
}
