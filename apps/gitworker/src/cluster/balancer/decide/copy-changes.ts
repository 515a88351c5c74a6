import type { CopyChoice } from './copies.ts'
import { changeOfOwnCopies } from './own-copies.ts'
import { mostCopyChanges } from './limits.ts'
import type { PlacedSlot, Snapshot } from './snapshot.ts'
import type { Step } from './step.ts'
import type { Survey } from './survey.ts'

/**
 * Lists other hosts as copies where those that are listed are not the ones to be.
 *
 * @param except slots that another step is about
 */
export function changeCopies(
  snapshot: Snapshot,
  { kept }: Survey,
  choice: CopyChoice,
  except: ReadonlySet<number>,
): Step[] {
  const change = snapshot.storage === 'own' ? changeOfOwnCopies : changeOfList
  const steps: Step[] = []
  for (const slots of kept.values()) {
    for (const slot of slots) {
      if (steps.length === mostCopyChanges) return steps
      if (except.has(slot.number)) continue
      const write = change(snapshot, slot, choice)
      if (!write) continue
      const { number, revision, record } = slot
      steps.push({
        kind: 'change copies',
        slot: number,
        from: record.primary,
        to: undefined,
        expected: revision,
        write,
      })
    }
  }
  return steps
}

/**
 * With one folder for all, that moves nothing. A host that is leaving, and the last primary after a handover, are taken off the
 * list at once; the rest waits for calm.
 */
function changeOfList(snapshot: Snapshot, slot: PlacedSlot, choice: CopyChoice): Step['write'] | undefined {
  const { number, record } = slot
  if (!(snapshot.isCalm || isUrgent(snapshot, slot))) return undefined
  const copies = choice.of(number, record.primary)
  if (isSame(copies, record.copies) && isSame(copies, record.inSync)) return undefined
  return { ...record, copies, inSync: copies }
}

function isUrgent({ copies, hosts }: Snapshot, { record }: PlacedSlot): boolean {
  return record.copies.length > copies || record.copies.some((name) => hosts.get(name)?.state === 'leaving')
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name) => others.includes(name))
}
