import type { CopyChoice } from './copies.ts'
import { mostUrgent } from './limits.ts'
import { maySelect } from './snapshot.ts'
import type { PlacedSlot, Snapshot } from './snapshot.ts'
import type { Step } from './step.ts'
import type { Survey } from './survey.ts'

/** Finds a primary for each slot that never had one; with one folder for all, also where its key was deleted. */
export function assign({ storage }: Snapshot, { unassigned, loads }: Survey, choice: CopyChoice): Step[] {
  if (loads.isEmpty) return []
  return unassigned.slice(0, mostUrgent).map((slot) => {
    const isOwn = storage === 'own'
    const primary = (isOwn ? loads.lowest(choice.of(slot, undefined)) : undefined) ?? loads.lowest()!
    loads.add(primary)
    const copies = isOwn ? [primary] : choice.of(slot, primary)
    const write = { primary, copies, inSync: copies, next: undefined, term: undefined }
    return { kind: 'assign', slot, from: undefined, to: primary, expected: 0, write }
  })
}

/** Finds a new primary for each slot whose primary is gone. */
export function takeOver(snapshot: Snapshot, { orphans, loads }: Survey, choice: CopyChoice): Step[] {
  return orphans.slice(0, mostUrgent).map((slot) => {
    const { number, revision, record } = slot
    const primary = successor(snapshot, slot, loads)
    loads.add(primary)
    const shared = snapshot.storage === 'shared' ? choice.of(number, primary) : undefined
    const write = {
      primary,
      copies: shared ?? record.copies,
      inSync: shared ?? record.inSync.filter((name) => name !== record.primary),
      next: undefined,
      term: undefined,
    }
    const step = {
      kind: 'take over',
      slot: number,
      from: record.primary,
      to: primary,
      expected: revision,
      write,
    } as const
    return record.primary === undefined ? step : { ...step, gone: record.primary }
  })
}

/** A copy that has less than its share, else whoever has the least. */
function successor({ storage, hosts }: Snapshot, { record }: PlacedSlot, loads: Survey['loads']): string {
  if (storage === 'shared') return loads.lowestWithin(record.inSync)!
  // A copy that slots are not given to otherwise is better than none.
  return loads.lowest(record.inSync) ?? record.inSync.find((name) => maySelect(hosts.get(name)))!
}
