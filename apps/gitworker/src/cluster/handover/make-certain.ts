import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { KnownSlot, SlotTable } from '../table/slot-table.ts'

export type CertaintyServices = {
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly table: SlotTable
}

const firstPause = 100
const longestPause = 2000

/**
 * A swap of which nobody knows whether it was done may even be done later. So the record is written once more as it was: if
 * that is done, the other one never will be.
 *
 * @param before as the swap expected it
 * @param signal ends it, where nobody can be asked
 * @returns the slot as it is now, which the table has then; undefined where it is not certain
 */
export async function makeCertain(
  { coordinator, keys, table }: CertaintyServices,
  slot: number,
  { record, revision }: KnownSlot & { readonly record: SlotRecord },
  signal: AbortSignal,
): Promise<KnownSlot | undefined> {
  const key = keys.slot(slot)
  for (let ms = firstPause; !signal.aborted; ms = Math.min(ms * 2, longestPause)) {
    try {
      const again = await coordinator.swap([{ key, expected: revision, value: writeSlotRecord(record) }])
      if (again.isDone) {
        table.takeOne(slot, record, again.revision)
        return { record, revision: again.revision }
      }
      const { entries, revision: readAt } = await coordinator.read(key)
      const found = entries.find((entry) => entry.key === key)
      const now = {
        record: found && readSlotRecord(found.value, found.revision),
        revision: found?.revision ?? readAt,
      }
      table.takeOne(slot, now.record, now.revision)
      return now
    } catch {
      await pause(ms, undefined, { signal }).catch(() => {})
    }
  }
  return undefined
}
