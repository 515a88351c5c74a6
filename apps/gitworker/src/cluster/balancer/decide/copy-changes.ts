import type { CopyChoice } from './copies.ts'
import { changeOwnCopies } from './own-copies.ts'
import { mostCopyChanges } from './limits.ts'
import type { PlacedSlot, Snapshot } from './snapshot.ts'
import type { Step } from './step.ts'
import type { Survey } from './survey.ts'

/**
 * With one folder for all: lists other hosts as copies where those that are listed are not the ones to be. It moves nothing. A
 * host that is leaving, and the last primary after a handover, are taken off the list at once; the rest waits for calm.
 *
 * @param except slots that another step is about
 */
export function changeCopies(
  snapshot: Snapshot,
  found: Survey,
  choice: CopyChoice,
  except: ReadonlySet<number>,
): Step[] {
  if (snapshot.storage === 'own') return changeOwnCopies(snapshot, found, choice, except)
  const steps: Step[] = []
  for (const slots of found.kept.values()) {
    for (const slot of slots) {
      if (steps.length === mostCopyChanges) return steps
      if (except.has(slot.number) || !(snapshot.isCalm || isUrgent(snapshot, slot))) continue
      const { number, revision, record } = slot
      const copies = choice.of(number, record.primary)
      if (isSame(copies, record.copies) && isSame(copies, record.inSync)) continue
      const write = { ...record, copies, inSync: copies }
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

function isUrgent({ copies, hosts }: Snapshot, { record }: PlacedSlot): boolean {
  return record.copies.length > copies || record.copies.some((name) => hosts.get(name)?.state === 'leaving')
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name) => others.includes(name))
}
