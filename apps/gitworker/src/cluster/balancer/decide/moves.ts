import { mostHandovers } from './limits.ts'
import type { PlacedSlot, Snapshot } from './snapshot.ts'
import type { Step } from './step.ts'
import { isToBeEmptied } from './survey.ts'
import type { Survey } from './survey.ts'

/** A level is exact to far less than this. */
const rounding = 1e-6

/** The most copies that a record may have. */
const mostCopies = 16

/** Empties hosts that leave and those of weight 0. Evens out once each slot has a primary that lives. */
export function handOver(snapshot: Snapshot, found: Survey): Step[] {
  const { loads, kept, stuck, underWay, orphans, unassigned } = found
  const budget = mostHandovers - underWay - stuck.length
  if (loads.isEmpty || budget <= 0) return []
  const steps: Step[] = []
  for (const [name, slots] of kept) {
    const host = snapshot.hosts.get(name)
    if (loads.has(name) || !isToBeEmptied(host)) continue
    if (host?.state === 'leaving' || snapshot.isCalm) empty(snapshot, loads, slots, steps, budget)
  }
  const isHomed = orphans.length === 0 && unassigned.length === 0
  if (snapshot.isCalm && isHomed && !loads.isLastResort) evenOut(snapshot, found, steps, budget)
  return steps
}

function empty(
  { storage }: Snapshot,
  loads: Survey['loads'],
  slots: readonly PlacedSlot[],
  steps: Step[],
  budget: number,
): void {
  for (const slot of slots) {
    if (steps.length >= budget) return
    const { inSync } = slot.record
    const next = storage === 'shared' ? loads.lowestWithin(inSync) : loads.lowest(inSync)
    if (next === undefined) continue
    loads.add(next)
    steps.push(handover(slot, next))
  }
}

/** Moves slots from the highest level to the lowest until no host is more than one slot from its share. */
function evenOut(snapshot: Snapshot, { loads, kept }: Survey, steps: Step[], budget: number): void {
  const left = new Map(
    [...kept].map(([name, slots]) => [name, slots.filter((slot) => slot.restsUntil <= snapshot.now)]),
  )
  const exhausted = new Set<string>()
  while (steps.length < budget) {
    const highest = loads.highest(exhausted)
    const lowest = loads.lowest()
    if (highest === undefined || lowest === undefined) return
    const isUneven = loads.level(highest) > 1 + rounding || loads.level(lowest) < -1 - rounding
    if (!isUneven || loads.level(highest) - loads.level(lowest) <= 1) return
    const slots = left.get(highest) ?? []
    const at = movable(snapshot, slots, lowest)
    if (at === -1) {
      exhausted.add(highest)
      continue
    }
    const [slot] = slots.splice(at, 1)
    loads.add(highest, -1)
    loads.add(lowest)
    steps.push(handover(slot!, lowest))
  }
}

/** Where there is a slot that may move to a host: one that it has a copy of, if possible. -1: nowhere. */
function movable({ storage }: Snapshot, slots: readonly PlacedSlot[], to: string): number {
  const copied = slots.findIndex(({ record }) => record.inSync.includes(to))
  return copied === -1 && storage === 'shared' && slots.length > 0 ? 0 : copied
}

/** With shared storage, whoever is to become primary is listed as a copy in the same step. */
function handover({ number, revision, record }: PlacedSlot, next: string): Step {
  const { primary, inSync, copies } = record
  const listed = (names: readonly string[]) =>
    names.includes(next) ? names : [primary!, next, ...names.filter((name) => name !== primary)].slice(0, mostCopies)
  const write = { ...record, copies: listed(copies), inSync: listed(inSync), next }
  return { kind: 'hand over', slot: number, from: primary, to: next, expected: revision, write }
}
