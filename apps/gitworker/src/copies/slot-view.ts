import type { Address } from '@sluice/shared/network/address'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'

/** What a host knows of who keeps what. The cluster's table implements it; nobody is asked. */
export type SlotView = {
  /** The name of this host. */
  readonly name: string
  /** Undefined where nobody keeps the slot, or that is not known. */
  slot(slot: number): SlotRecord | undefined
  /** Where another host is reached; undefined where it does not live. */
  addressOf(host: string): Address | undefined
  /** Resolves when the slot's record may have changed, or after some milliseconds. */
  changed(slot: number, milliseconds: number): Promise<void>
}

/** Takes copies out of those that are in sync. */
export type InSync = {
  /**
   * Takes a copy out, by compare-and-swap on the slot. Resolves when it is out, and surely answers no reads any more.
   *
   * @param term in which this host is the primary
   * @throws where this host is not the primary in this term any more, or that cannot be found out. Then nothing may be
   *   acknowledged
   */
  remove(slot: number, term: number, copy: string, why: unknown): Promise<void>
}
