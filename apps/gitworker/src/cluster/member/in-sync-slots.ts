import { mostSwapped } from '@sluice/shared/coordinator/coordinator'
import type { Coordinator, Swap } from '@sluice/shared/coordinator/coordinator'
import { slotOfKey } from '@sluice/shared/placement/keys'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { readSlotRecord, withoutInSync, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'

export type InSyncServices = {
  /** The name of this host. */
  readonly name: string
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
}

/** A slot that etcd says this host is in sync of. */
export type InSyncSlot = { readonly key: string; readonly revision: number; readonly record: SlotRecord }

/** @throws {CoordinatorError} */
export async function slotsInSync({ coordinator, keys, name }: InSyncServices): Promise<InSyncSlot[]> {
  const { entries } = await coordinator.read(keys.slots)
  return entries.flatMap(({ key, value, revision }) => {
    const record = slotOfKey(keys, key) === undefined ? undefined : readSlotRecord(value, revision)
    return record?.inSync.includes(name) ? { key, revision, record } : []
  })
}

/**
 * Takes this host out of those in sync, many slots in one swap.
 *
 * @param guard what must be so besides
 * @returns of how many slots it is out
 * @throws {CoordinatorError}
 */
export async function leaveInSync(
  { coordinator, name }: InSyncServices,
  slots: readonly InSyncSlot[],
  guard?: Swap,
): Promise<number> {
  const guards = guard ? [guard] : []
  const most = mostSwapped - guards.length
  let left = 0
  for (let at = 0; at < slots.length; at += most) {
    const some = slots.slice(at, at + most)
    const parts = some.map(({ key, revision, record }): Swap => ({
      key,
      expected: revision,
      value: writeSlotRecord(withoutInSync(record, name)),
    }))
    if ((await coordinator.swap([...guards, ...parts])).isDone) left += some.length
  }
  return left
}
