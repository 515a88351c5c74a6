import { CopyChoice } from './copies.ts'
import { changeCopies } from './copy-changes.ts'
import { assign, takeOver } from './homeless.ts'
import { handOver } from './moves.ts'
import type { Snapshot } from './snapshot.ts'
import type { Step } from './step.ts'
import { survey } from './survey.ts'

/*
 * What is to be changed, the most urgent first. It is a function of the snapshot alone, and has one step for a slot at most.
 * When all steps are done and nothing else changes, the next decisions lead to a state where there is nothing to do:
 *
 *   - each slot that can have a primary has one that lives;
 *   - no host keeps more than one slot more or less than its share by weight, as far as slots may be moved;
 *   - each slot is listed with as many hosts as there are to be copies, in different zones if possible.
 *
 * With storage of the hosts' own, a slot only ever goes to a copy in sync, and a copy gets in sync by its primary alone.
 */
export function decide(snapshot: Snapshot, choice = new CopyChoice(snapshot)): Step[] {
  const found = survey(snapshot)
  const urgent = [...takeOver(snapshot, found, choice), ...assign(snapshot, found, choice)]
  const moves = [...takeBack(found), ...handOver(snapshot, found, choice)]
  const steps = [...urgent, ...moves]
  return [...steps, ...changeCopies(snapshot, found, choice, new Set(moves.map(({ slot }) => slot)))]
}

function takeBack({ stuck }: ReturnType<typeof survey>): Step[] {
  return stuck.map(({ number, revision, record }) => ({
    kind: 'take back',
    slot: number,
    from: record.primary,
    to: record.next,
    expected: revision,
    write: { ...record, next: undefined },
  }))
}
