import { setTimeout as pause } from 'node:timers/promises'
import { slotOf } from '@sluice/shared/placement/slot'
import type { Cluster } from '@sluice/shared/testing/cluster'
import type { Member } from '@sluice/shared/testing/member'
import type { History, Push } from '../history.ts'
import type { FaultParts } from './faults.ts'
import { isFollowedFrom } from './host-links.ts'

/*
 * What others do in the place of a primary that does not know, and what its copies answer meanwhile.
 */

const lookEveryMs = 20

/** One client pushes to it, so each of its pushes is a round of its own, and none waits for another. */
export const repositoryOfOne = 'alone.git'

/** Acknowledged by others, before the host goes on. */
const enoughPushes = 3

/** Copies take what a primary tells them, and their answers wait. */
export function holdAnswers({ hosts }: Cluster, primary: Member) {
  const copies = hosts.filter((host) => host !== primary)
  let areHeld = false
  const end = () => {
    if (areHeld) for (const { toHost } of copies) toHost?.mend()
    areHeld = false
  }
  return {
    begin() {
      for (const { toHost } of copies) toHost?.cutInwardWhere((first) => isFollowedFrom(first, primary.name))
      areHeld = true
    },
    end,
    [Symbol.dispose]: end,
  }
}

/** Those of the repositories that clients push to all the time. */
export function slotsOf({ placements }: History, { name }: Member): Set<number> {
  const last = [...placements.bySlot.values()].flatMap((placed) => placed.at(-1) ?? [])
  return new Set(last.filter(({ primary }) => primary === name).map(({ slot }) => slot))
}

/** Others have all of its slots. */
export async function untilReplaced({ history, ttl }: FaultParts, host: Member): Promise<void> {
  const since = performance.now()
  while (performance.now() - since < 2 * ttl && slotsOf(history, host).size > 0) await pause(lookEveryMs)
}

/** Others have acknowledged pushes in slots: not before what they have promised the host before is over. */
export async function untilPushedTo({ history, ttl }: FaultParts, slots: ReadonlySet<number>): Promise<void> {
  const before = history.pushes.length
  const since = performance.now()
  const isOne = ({ outcome, began, place }: Push) =>
    outcome === 'acknowledged' && began > since && slots.has(slotOf(place.slice(0, place.indexOf(' '))))
  const areEnough = () => history.pushes.slice(before).filter(isOne).length >= enoughPushes
  while (performance.now() - since < 1.5 * ttl && !areEnough()) await pause(lookEveryMs)
}
