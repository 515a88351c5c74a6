import type { SlotState } from './cluster-status.ts'
import type { ClusterView } from './cluster-view.ts'
import type { SlotRecord } from './slot-record.ts'

export type Problem = {
  readonly slots: number
  /** What cannot be done with them. `moves`: they keep their hosts, even dead ones. */
  readonly stops: 'pushes' | 'everything' | 'moves'
  /** In words. */
  readonly why: string
}

/** @param states of all slots, by number */
export function problemsIn(view: ClusterView, states: readonly SlotState[]): Problem[] {
  const problems = new Map<string, Problem>()
  for (const [number, state] of states.entries()) {
    const slot = view.slots[number]
    const isKept = state === 'kept' || state === 'moving'
    const why = isKept ? tooFewOf(slot, view) : whyOf(state, slot, view)
    if (why === undefined) continue
    const before = problems.get(why)
    const stops = isKept || state === 'waiting' ? 'pushes' : 'everything'
    problems.set(why, { slots: (before?.slots ?? 0) + 1, stops, why })
  }
  const sorted = [...problems.values()].toSorted((one, other) => other.slots - one.slots)
  const { formatProblem: why } = view
  return why === undefined ? sorted : [{ slots: view.slots.length, stops: 'moves', why }, ...sorted]
}

/** Undefined where enough hosts have all of a slot, or it is not known how many are asked for. */
function tooFewOf(slot: SlotRecord | undefined, { hosts, format, minInSync = 1 }: ClusterView): string | undefined {
  if (format?.storage !== 'own' || liveInSync(slot, hosts) >= minInSync) return undefined
  return `Fewer hosts than SLUICE_MIN_IN_SYNC=${minInSync} are up and have every push to them. Others catch up by themselves, or are to be started.`
}

function whyOf(state: 'waiting' | 'down' | 'new', slot: SlotRecord | undefined, { format }: ClusterView): string {
  if (state === 'new') return 'No host has been chosen for them yet.'
  const gone = slot?.primary ?? 'Their host'
  if (state === 'waiting') return `${gone} is gone, and no other host has taken over yet.`
  const names = slot?.inSync.toSorted().join(', ')
  if (format?.storage === 'own')
    return `Every push to them is on ${names} only. They can be served once ${slot?.inSync.length === 1 ? 'it' : 'one of these'} is back.`
  return `${gone} is gone, and no host lives that could take over.`
}

/** How many hosts have all of a slot, and live. */
export function liveInSync(slot: SlotRecord | undefined, hosts: ClusterView['hosts']): number {
  return slot?.inSync.filter((name) => hosts.has(name)).length ?? 0
}
