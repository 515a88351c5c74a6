import { isFree, lives } from './decide/snapshot.ts'
import type { PlacedSlot, Slot, Snapshot } from './decide/snapshot.ts'
import type { StepKind } from './decide/step.ts'

/** How the balancing stands, for operators: any host can say, since each follows the whole cluster. Times are milliseconds. */
export type BalancerStatus = {
  /** The host that balances. Undefined: none, or nothing is known yet. */
  readonly balancer: string | undefined
  /** Up to where this host has followed the cluster. */
  readonly revision: number
  /** Hosts that live, or died a moment ago. */
  readonly hosts: readonly { readonly name: string; readonly state: string; readonly primaryOf: number }[]
  /** Handovers under way, the oldest first: there are 128 at most, unless somebody writes to etcd by hand. */
  readonly moves: readonly {
    readonly slot: number
    readonly from: string
    readonly to: string
    readonly ageMs: number
  }[]
  /** Slots that accept no pushes, by reason. */
  readonly unavailable: readonly Unavailable[]
  /** What this host has done as balancer since its start: slots, by kind. */
  readonly done: Readonly<Record<StepKind, number>>
  /** Slots that had changed between a decision and its swap. */
  readonly conflicts: number
}

export type Unavailable = {
  /** A sentence for operators. */
  readonly why: string
  readonly slots: number
  /** The first few. */
  readonly some: readonly number[]
}

const mostShown = 128
const mostReasons = 32
const mostNamed = 8

type Own = Pick<BalancerStatus, 'balancer' | 'revision' | 'done' | 'conflicts'>

export function balancerStatus(own: Own, snapshot: Snapshot | undefined): BalancerStatus {
  if (!snapshot) return { ...own, hosts: [], moves: [], unavailable: [] }
  const { slots, hosts, now } = snapshot
  const placed = slots.filter((slot) => slot.kind === 'placed')
  const kept = Map.groupBy(placed, ({ record }) => record.primary)
  return {
    ...own,
    hosts: [...hosts].map(([name, { state }]) => ({ name, state, primaryOf: kept.get(name)?.length ?? 0 })),
    moves: placed
      .flatMap(({ number, record: { primary, next }, nextSince }) =>
        primary === undefined || next === undefined
          ? []
          : [{ slot: number, from: primary, to: next, ageMs: Math.round(now - nextSince) }],
      )
      .toSorted((one, other) => other.ageMs - one.ageMs)
      .slice(0, mostShown),
    unavailable: unavailable(snapshot),
  }
}

/** The slots without a primary that lives, by reason, most first. */
export function unavailable(snapshot: Snapshot): Unavailable[] {
  const byReason = new Map<string, number[]>()
  for (const [number, slot] of snapshot.slots.entries()) {
    const why = whyUnavailable(snapshot, slot)
    if (why === undefined) continue
    const numbers = byReason.get(why) ?? []
    byReason.set(why, numbers)
    numbers.push(number)
  }
  return [...byReason]
    .map(([why, numbers]) => ({ why, slots: numbers.length, some: numbers.slice(0, mostNamed) }))
    .toSorted((one, other) => other.slots - one.slots)
    .slice(0, mostReasons)
}

/** Undefined where its primary lives. */
function whyUnavailable(snapshot: Snapshot, slot: Slot): string | undefined {
  if (slot.kind === 'placed') {
    return lives(snapshot.hosts.get(slot.record.primary ?? '')) ? undefined : whyWithoutPrimary(snapshot, slot)
  }
  if (isFree(slot, snapshot.storage))
    return 'No host keeps them yet. They are given to the hosts that live, a moment after the first has joined.'
  return slot.kind === 'lost'
    ? 'Their keys in etcd were deleted, and which hosts have all that was pushed is not known any more. They are left alone until their keys are written again: see "Restore the table" in docs/operate/cluster.md.'
    : 'The values of their keys in etcd are not valid, and are left alone. Mend them; with shared storage, deleting them is enough.'
}

function whyWithoutPrimary({ storage }: Snapshot, { record }: PlacedSlot): string {
  const { primary, inSync } = record
  if (storage === 'shared') return 'Their host is gone, and no other host can take them yet.'
  const keepers = inSync.length > 0 ? inSync : primary === undefined ? [] : [primary]
  return keepers.length === 0
    ? 'No host is said to keep them. Whoever has their repositories is to be written into their keys in etcd.'
    : `Their repositories are on ${keepers.join(', ')}, and no such host is there. They are back when it is.`
}
