import { takeBackAfterMs } from './limits.ts'
import { Loads } from './loads.ts'
import { isFree, lives, maySelect } from './snapshot.ts'
import type { Host, PlacedSlot, Snapshot } from './snapshot.ts'

/** What a decision is made from: the slots by what they need, and how many each host has. */
export type Survey = {
  /** Slots that any host may keep, and that are given away now. */
  readonly unassigned: readonly number[]
  /** Slots whose primary is gone. */
  readonly orphans: readonly PlacedSlot[]
  /** Slots whose `next` does not take them, or cannot. */
  readonly stuck: readonly PlacedSlot[]
  /** Slots on their way to their `next`. */
  readonly underWay: number
  /** The slots that each host keeps as primary, and that are not on their way to another one. */
  readonly kept: ReadonlyMap<string, readonly PlacedSlot[]>
  /** A slot on its way counts for its `next`. */
  readonly loads: Loads
}

export function survey(snapshot: Snapshot): Survey {
  const { hosts, slots, storage } = snapshot
  const isFirstStart = slots.every((slot) => isFree(slot, storage))
  const loads = new Loads(hosts)
  const kept = new Map<string, PlacedSlot[]>()
  const unassigned: number[] = []
  const orphans: PlacedSlot[] = []
  const stuck: PlacedSlot[] = []
  let underWay = 0
  let total = 0

  for (const [number, slot] of slots.entries()) {
    if (slot.kind !== 'placed') {
      // Hosts that start together find their slots in one go.
      if (isFree(slot, storage) && (!isFirstStart || snapshot.isCalm)) unassigned.push(number)
      continue
    }
    const { primary, next } = slot.record
    if (primary === undefined || !lives(hosts.get(primary))) {
      if (hasSuccessor(snapshot, slot, loads)) orphans.push(slot)
      continue
    }
    const isMoving = next !== undefined && !isStuck(snapshot, slot)
    const keeper = isMoving ? next : primary
    loads.add(keeper)
    if (loads.has(keeper) || isToBeEmptied(hosts.get(keeper))) total++
    if (isMoving) underWay++
    else if (next !== undefined) stuck.push(slot)
    else (kept.get(primary) ?? setNew(kept, primary)).push(slot)
  }
  loads.share(total + unassigned.length + orphans.length)
  return { unassigned, orphans, stuck, underWay, kept, loads }
}

/**
 * Whether any host may become its primary. With shared storage any host may that slots are given to. Else only a copy in
 * sync may: nobody else has what was pushed.
 */
export function hasSuccessor({ storage, hosts }: Snapshot, { record }: PlacedSlot, loads: Loads): boolean {
  return storage === 'shared' ? !loads.isEmpty : record.inSync.some((name) => maySelect(hosts.get(name)))
}

/** Whether all of its slots are to go to others. */
export function isToBeEmptied(host: Host | undefined): boolean {
  return host?.state === 'leaving' || (maySelect(host) && host.weight === 0)
}

/** Whether a handover leads nowhere: `next` cannot serve the slot, or has not got it for long. */
function isStuck({ hosts, now }: Snapshot, { record, nextSince }: PlacedSlot): boolean {
  const { next, primary, inSync } = record
  if (next === undefined) return false
  return next === primary || !inSync.includes(next) || !maySelect(hosts.get(next)) || now - nextSince >= takeBackAfterMs
}

function setNew(kept: Map<string, PlacedSlot[]>, name: string): PlacedSlot[] {
  const slots: PlacedSlot[] = []
  kept.set(name, slots)
  return slots
}
