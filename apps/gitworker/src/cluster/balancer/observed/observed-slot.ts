import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import { restMs } from '../decide/limits.ts'
import { lostSlot, newSlot } from '../decide/snapshot.ts'
import type { Slot } from '../decide/snapshot.ts'

/**
 * A slot after a change of its key.
 *
 * @param value undefined: the key is gone
 * @param revision of the change
 * @param before the slot until then
 * @param now milliseconds
 */
export function seeSlot(number: number, value: string | undefined, revision: number, before: Slot, now: number): Slot {
  if (value === undefined) return before.kind === 'new' ? newSlot : lostSlot
  if ('revision' in before && before.revision === revision) return before
  const record = readSlotRecord(value, revision)
  if (!record) return { kind: 'unreadable', revision }
  const last = before.kind === 'placed' ? before : undefined
  const isSamePrimary = last?.record.primary === record.primary
  const isSameNext = isSamePrimary && last?.record.next === record.next
  const isTakenBack = isSamePrimary && last?.record.next !== undefined && record.next === undefined
  return {
    kind: 'placed',
    number,
    revision,
    record,
    nextSince: last && isSameNext ? last.nextSince : now,
    restsUntil: isTakenBack ? now + restMs : (last?.restsUntil ?? 0),
  }
}
