import type { SlotView } from '../slot-view.ts'
import type { Attempt } from './attempts.ts'
import type { CatchingUp } from './catching-up.ts'

/** How the copies of a host's slots come along, for operators. */
export type CopiesStatus = {
  /** Copies of slots that this host is primary of, without its own. */
  readonly counts: Readonly<Record<CopyState, number>>
  /** Those that there is something to do for. Counts are those since it began. */
  readonly catchingUp: readonly CopyProgress[]
  /** What could not be brought at the last attempt, and why: some of it, where there is much. */
  readonly problems: readonly { readonly slot: number; readonly copy: string; readonly why: string }[]
  /** Slots of which this host knows a newer term than the cluster's table, which was restored from a backup then. */
  readonly olderSlots: number
}

/**
 * - `in_sync`: it has all that was acknowledged;
 * - `under_way`: it waits for its turn, or is brought what it lacks;
 * - `failed`: that has failed, and is tried again;
 * - `away`: its host does not live.
 */
export type CopyState = 'in_sync' | 'under_way' | 'failed' | 'away'

export type CopyProgress = {
  readonly copy: string
  readonly slotsLeft: number
  readonly slotsDone: number
  readonly slotsFailed: number
  /** That were brought, or were as they should be. */
  readonly repositories: number
}

const mostProblems = 100

export function copiesStatus(
  view: SlotView,
  { attempts, progress }: CatchingUp,
  older: { readonly slots: readonly number[] },
): CopiesStatus {
  const counts: Record<CopyState, number> = { in_sync: 0, under_way: 0, failed: 0, away: 0 }
  for (const attempt of attempts) counts[stateOf(attempt, view)]++
  const catchingUp = [...progress.copies].map(([copy, { slotsLeft, slotsDone, slotsFailed, repositories }]) => ({
    copy,
    slotsLeft,
    slotsDone,
    slotsFailed,
    repositories,
  }))
  const problems = attempts.flatMap(({ slot, copy, why }) => (why === undefined ? [] : { slot, copy, why }))
  return { counts, catchingUp, problems: problems.slice(0, mostProblems), olderSlots: older.slots.length }
}

function stateOf({ slot, copy, why }: Attempt, view: SlotView): CopyState {
  if (view.slot(slot)?.inSync.includes(copy)) return 'in_sync'
  if (!view.addressOf(copy)) return 'away'
  return why === undefined ? 'under_way' : 'failed'
}
