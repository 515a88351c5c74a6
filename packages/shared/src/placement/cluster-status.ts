import { liveInSync, problemsIn } from './cluster-problems.ts'
import type { Problem } from './cluster-problems.ts'
import type { ClusterView } from './cluster-view.ts'
import type { SlotRecord } from './slot-record.ts'

/**
 * What can be done with a slot:
 *
 * - `kept`: read and pushed to;
 * - `moving`: it is handed to another host; pushes may be held for a moment;
 * - `waiting`: read only, until another host becomes its primary;
 * - `down`: no host that lives has it;
 * - `new`: no host has been chosen yet.
 */
export type SlotState = 'kept' | 'moving' | 'waiting' | 'down' | 'new'

export const slotStates: readonly SlotState[] = ['kept', 'moving', 'waiting', 'down', 'new']

/** What is known of a cluster: the content of `/-/cluster.json`, which the cluster page shows. */
export type ClusterStatus = {
  /** ISO 8601. */
  readonly at: string
  readonly by: ClusterView['by']
  readonly revision: number
  readonly awayForMs: number
  readonly storage: 'own' | 'shared' | undefined
  readonly copies: number | undefined
  readonly balancer: string | undefined
  /** Those that live, and those that slots name, by name. */
  readonly hosts: readonly HostInCluster[]
  readonly slots: {
    readonly counts: Readonly<Record<SlotState, number>>
    /** How many slots are in sync on how many hosts that live: by the number of hosts. */
    readonly inSync: Readonly<Record<string, number>>
    /** A letter for each slot: the first one of its state. */
    readonly states: string
    /** For each slot, the index of its primary in `hosts`; -1: it has none. */
    readonly primaries: readonly number[]
  }
  /** Slots that are handed over, in groups. */
  readonly moves: readonly Move[]
  /** What cannot be served as it should be, and why. */
  readonly problems: readonly Problem[]
}

export type HostInCluster = {
  readonly name: string
  /** Whether its lease is live: as etcd says, or, of the host that says this, by its own clock. */
  readonly isLive: boolean
  readonly isLeaving: boolean
  readonly address: string | undefined
  readonly version: string | undefined
  readonly weight: number | undefined
  readonly zone: string | undefined
  /** The slots whose pushes it accepts. */
  readonly primaryOf: number
  /** The slots that it may be read from. */
  readonly readableOf: number
  /** The slots that it is to keep, and does not have all of yet. */
  readonly behindOf: number
  /** It has come and gone, and gets no slots until it has lived for a while. */
  readonly isOnProbation: boolean
  /** What a gateway has seen to be wrong with it, in words. */
  readonly trouble: string | undefined
}

export type Move = { readonly from: string; readonly to: string; readonly slots: number }

export function clusterStatusOf(view: ClusterView): ClusterStatus {
  const names = namesIn(view)
  const indexOf = new Map(names.map((name, index) => [name, index]))
  const states = view.slots.map((slot) => stateOf(slot, view))
  const counts: Record<SlotState, number> = { kept: 0, moving: 0, waiting: 0, down: 0, new: 0 }
  for (const state of states) counts[state]++
  return {
    at: new Date().toISOString(),
    by: view.by,
    revision: view.revision,
    awayForMs: Math.round(view.awayForMs),
    storage: view.format?.storage,
    copies: view.format?.copies,
    balancer: view.balancer,
    hosts: hostsIn(view, names),
    slots: {
      counts,
      inSync: inSyncIn(view),
      states: states.map((state) => state[0]).join(''),
      primaries: view.slots.map((slot) => (slot?.primary === undefined ? -1 : indexOf.get(slot.primary)!)),
    },
    moves: movesIn(view),
    problems: problemsIn(view, states),
  }
}

function namesIn({ hosts, slots }: ClusterView): string[] {
  const names = new Set(hosts.keys())
  for (const slot of slots) for (const name of slot?.copies ?? []) names.add(name)
  // host-2 comes before host-10.
  return [...names].toSorted(new Intl.Collator('en', { numeric: true }).compare)
}

/** @param hosts those that live */
export function stateOf(slot: SlotRecord | undefined, { hosts }: Pick<ClusterView, 'hosts'>): SlotState {
  if (slot === undefined || (slot.primary === undefined && slot.inSync.length === 0)) return 'new'
  if (slot.primary !== undefined && hosts.has(slot.primary)) return slot.next === undefined ? 'kept' : 'moving'
  return slot.inSync.some((name) => hosts.has(name)) ? 'waiting' : 'down'
}

function inSyncIn({ slots, hosts }: ClusterView): Record<string, number> {
  const counts = new Map<string, number>()
  for (const slot of slots) count(counts, String(liveInSync(slot, hosts)))
  return Object.fromEntries(counts)
}

function hostsIn(
  { by, hosts, slots, isLive, troubles, onProbation }: ClusterView,
  names: readonly string[],
): HostInCluster[] {
  const primaryOf = new Map<string, number>()
  const readableOf = new Map<string, number>()
  const behindOf = new Map<string, number>()
  for (const slot of slots) {
    if (slot?.primary !== undefined) count(primaryOf, slot.primary)
    for (const name of slot?.inSync ?? []) count(readableOf, name)
    for (const name of slot?.copies ?? []) if (!slot!.inSync.includes(name)) count(behindOf, name)
  }
  return names.map((name) => {
    const record = hosts.get(name)
    const isItself = by.app === 'supervisor' && by.name === name
    return {
      name,
      isLive: record !== undefined && (!isItself || isLive !== false),
      isLeaving: record?.isLeaving ?? false,
      address: record?.address,
      version: record?.version,
      weight: record?.weight,
      zone: record?.zone || undefined,
      primaryOf: primaryOf.get(name) ?? 0,
      readableOf: readableOf.get(name) ?? 0,
      behindOf: behindOf.get(name) ?? 0,
      isOnProbation: onProbation?.has(name) ?? false,
      trouble: troubles?.get(name),
    }
  })
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function movesIn({ slots }: ClusterView): Move[] {
  const moves = new Map<string, Move>()
  for (const slot of slots) {
    if (slot?.primary === undefined || slot.next === undefined) continue
    const key = `${slot.primary} ${slot.next}`
    const before = moves.get(key)
    moves.set(key, { from: slot.primary, to: slot.next, slots: (before?.slots ?? 0) + 1 })
  }
  return [...moves.values()]
}
