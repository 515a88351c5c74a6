import type { ClusterFormat } from '@sluice/shared/placement/format'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'

/** The cluster as of one revision, and one moment of this process's clock. */
export type Snapshot = {
  readonly storage: ClusterFormat['storage']
  /** How many hosts are to keep each slot. */
  readonly copies: number
  /** By name. Hosts that are gone for long are not in it. */
  readonly hosts: ReadonlyMap<string, Host>
  /** By number. */
  readonly slots: readonly Slot[]
  /** Whether the hosts that may get slots have been the same for a while. Until then nothing is evened out. */
  readonly isCalm: boolean
  /** Milliseconds, on the clock of `performance.now()`. */
  readonly now: number
}

export type Host = {
  /**
   * `steady`: it lives, and may get slots.
   * `unsteady`: it lives, but has come and gone: it gets slots only where no steady host can take them.
   * `leaving`: it lives, hands its slots over, and gets none.
   * `unreadable`: it lives, but what it says of itself is not understood. It keeps what it has, and gets none.
   * `missing`: it died a moment ago, and may return. It keeps its place among the copies, and nothing else.
   */
  readonly state: 'steady' | 'unsteady' | 'leaving' | 'unreadable' | 'missing'
  readonly weight: number
  /** Empty: none. */
  readonly zone: string
}

export type Slot =
  /** It has no key: nobody was ever told to keep it. */
  | { readonly kind: 'new' }
  /** It had a key, which somebody has deleted. On the hosts' own disks, some have what was pushed, and nobody knows which. */
  | { readonly kind: 'lost' }
  /** What is written there is not valid. It is left alone until somebody mends or deletes it. */
  | { readonly kind: 'unreadable'; readonly revision: number }
  | PlacedSlot

export type PlacedSlot = {
  readonly kind: 'placed'
  readonly number: number
  readonly revision: number
  readonly record: SlotRecord
  /** When this process first saw its `next`. */
  readonly nextSince: number
  /** Until when it is not moved just to even out the shares: a handover was taken back. */
  readonly restsUntil: number
}

export const newSlot: Slot = { kind: 'new' }
export const lostSlot: Slot = { kind: 'lost' }

/** Whether any host may be given a slot that nobody keeps. */
export function isFree({ kind }: Slot, storage: Snapshot['storage']): boolean {
  return kind === 'new' || (kind === 'lost' && storage === 'shared')
}

/** Whether its key is there: its lease has not ended, so it may still serve what it keeps. */
export function lives(host: Host | undefined): host is Host {
  return host !== undefined && host.state !== 'missing'
}

/** Whether a slot may be given to it at all. */
export function maySelect(host: Host | undefined): host is Host {
  return host?.state === 'steady' || host?.state === 'unsteady'
}
