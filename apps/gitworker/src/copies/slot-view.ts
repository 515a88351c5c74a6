import type { Address } from '@sluice/shared/network/address'
import type { Joining } from '../cluster/handover/in-sync-additions.ts'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'

/** What a host knows of who keeps what. The cluster's table implements it; nobody is asked. */
export type SlotView = {
  /** The name of this host. */
  readonly name: string
  /** Undefined where nobody keeps the slot, or that is not known. */
  slot(slot: number): SlotRecord | undefined
  /** Where another host is reached; undefined where it does not live. */
  addressOf(host: string): Address | undefined
  /** Tells one time that another host is a member from the next; undefined where it does not live. */
  sinceOf(host: string): number | undefined
  /** Resolves when the slot's record may have changed, or after some milliseconds. */
  changed(slot: number, milliseconds: number): Promise<void>
  /** @param listener is called with each slot that has changed, until the result is disposed of; must not throw */
  listen(listener: (slot: number) => void): Disposable
}

/** Takes copies into those that are in sync, and out of them. */
export type InSync = {
  /**
   * Takes a copy out, by compare-and-swap on the slot. Resolves when it is out, and surely answers no reads any more.
   *
   * @param term in which this host is the primary
   * @throws where this host is not the primary in this term any more, or that cannot be found out. Then nothing may be
   *   acknowledged
   */
  remove(slot: number, term: number, copy: string, why: unknown): Promise<void>
  /**
   * Takes a copy in, by compare-and-swap on the slot. Resolves when it is certain whether it is in.
   *
   * @returns whether it is in
   * @throws where this host is not the primary in this term any more: then it is not in by this host's doing; or the
   *   signal's reason, where it may be in
   */
  add(joining: Joining): Promise<boolean>
}
