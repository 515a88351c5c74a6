import { keep, mostSwapped } from '@sluice/shared/coordinator/coordinator'
import type { Coordinator, Swap } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { Step } from './decide/step.ts'

/*
 * Carries steps out, as many as fit into one swap at a time. If anything in a swap is not as expected, all of it fails. So it
 * falls apart:
 *
 *   128 parts ──conflict──▶ 16 steps each ──conflict──▶ one step each ──conflict──▶ left to the next decision
 */

/** Steps in one swap, by how often it has fallen apart. */
const sizes = [mostSwapped, 16, 1] as const

/** Swaps that are asked for at once: the coordinator writes them to its disk together. */
const swapsAtOnce = 4

/** Swaps that conflict, at most. After that, what was decided is too old altogether. */
const mostConflicts = 48

export type Carried = {
  readonly step: Step
  readonly revision: number
}

export type Outcome = {
  readonly carried: readonly Carried[]
  /** Steps that were left, because something had changed. */
  readonly conflicts: number
  /** What stopped it: a coordinator that does not answer. What was asked last may have been done. */
  readonly error: unknown
}

/** @param mayGoOn whether this host still balances, as far as it knows */
export async function carryOut(
  coordinator: Coordinator,
  keys: ClusterKeys,
  mandate: { readonly guard: Swap },
  steps: readonly Step[],
  mayGoOn: () => boolean,
): Promise<Outcome> {
  const carried: Carried[] = []
  let conflicts = 0
  let failed = 0
  let failure: unknown
  const pieces = inPieces(steps, 0)
  const carry = async ({ steps: some, depth }: Piece) => {
    const parts = [mandate.guard, ...guards(keys, some), ...some.map((step) => part(keys, step))]
    const { isDone, revision } = await coordinator.swap(parts)
    if (isDone) carried.push(...some.map((step) => ({ step, revision })))
    else {
      failed++
      if (some.length === 1) conflicts++
      else pieces.unshift(...inPieces(some, depth + 1))
    }
  }
  const next = () => (failure === undefined && failed < mostConflicts && mayGoOn() ? pieces.shift() : undefined)
  const carryOn = async () => {
    for (let piece = next(); piece; piece = next()) {
      await carry(piece).catch((error: unknown) => (failure ??= error))
    }
  }
  await Promise.all(Array.from({ length: swapsAtOnce }, carryOn))
  return { carried, conflicts, error: failure }
}

type Piece = { readonly steps: readonly Step[]; readonly depth: number }

function inPieces(steps: readonly Step[], depth: number): Piece[] {
  const size = sizes[depth] ?? 1
  const pieces: Piece[] = []
  let some: Step[] = []
  let gone = new Set<string>()
  for (const step of steps) {
    const withIt = step.gone === undefined ? gone : new Set(gone).add(step.gone)
    if (some.length === size || 1 + withIt.size + some.length + 1 > mostSwapped) {
      pieces.push({ steps: some, depth })
      some = []
      gone = new Set()
    }
    some.push(step)
    if (step.gone !== undefined) gone.add(step.gone)
  }
  if (some.length > 0) pieces.push({ steps: some, depth })
  return pieces
}

/** The hosts that must still be gone. */
function guards(keys: ClusterKeys, steps: readonly Step[]): Swap[] {
  const gone = new Set(steps.map((step) => step.gone).filter((name) => name !== undefined))
  return [...gone].map((name) => ({ key: keys.host(name), expected: 0, value: keep }))
}

function part(keys: ClusterKeys, { slot, expected, write }: Step): Swap {
  return { key: keys.slot(slot), expected, value: writeSlotRecord(write) }
}
