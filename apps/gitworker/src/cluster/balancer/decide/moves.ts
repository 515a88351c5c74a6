import type { CopyChoice } from './copies.ts'
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
export function handOver(snapshot: Snapshot, found: Survey, choice: CopyChoice): Step[] {
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
  if (snapshot.isCalm && isHomed && !loads.isLastResort) {
    settle(snapshot, found, choice, steps, budget)
    evenOut(snapshot, found, choice, steps, budget)
  }
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

/** On the hosts' own disks: a primary that is not to keep a slot hands it to a copy that is. */
function settle(
  { storage, now }: Snapshot,
  { loads, kept }: Survey,
  choice: CopyChoice,
  steps: Step[],
  budget: number,
): void {
  if (storage === 'shared') return
  for (const [name, slots] of kept) {
    for (const slot of slots) {
      if (steps.length >= budget) return
      const wanted = choice.of(slot.number, name)
      if (wanted.includes(name) || slot.restsUntil > now) continue
      const next = loads.lowest(wanted.filter((other) => slot.record.inSync.includes(other)))
      if (next === undefined) continue
      loads.add(name, -1)
      loads.add(next)
      steps.push(handover(slot, next))
    }
  }
}

/** Moves slots from the highest level to the lowest until no host is more than one slot from its share. */
function evenOut(snapshot: Snapshot, { loads, kept }: Survey, choice: CopyChoice, steps: Step[], budget: number): void {
  const moving = new Set(steps.map(({ slot }) => slot))
  const mayMove = ({ number, restsUntil }: PlacedSlot) => restsUntil <= snapshot.now && !moving.has(number)
  const left = new Map([...kept].map(([name, slots]) => [name, slots.filter(mayMove)]))
  const exhausted = new Set<string>()
  while (steps.length < budget) {
    const highest = loads.highest(exhausted)
    const lowest = loads.lowest()
    if (highest === undefined || lowest === undefined) return
    const isUneven = loads.level(highest) > 1 + rounding || loads.level(lowest) < -1 - rounding
    if (!isUneven || loads.level(highest) - loads.level(lowest) <= 1) return
    const slots = left.get(highest) ?? []
    const at = movable(snapshot, choice, slots, lowest)
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
function movable({ storage }: Snapshot, choice: CopyChoice, slots: readonly PlacedSlot[], to: string): number {
  const isOwn = storage === 'own'
  const isKept = (number: number) => !isOwn || choice.of(number, undefined).includes(to)
  const copied = slots.findIndex(({ number, record }) => record.inSync.includes(to) && isKept(number))
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
