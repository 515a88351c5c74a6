import type { Left } from '../../copies/trash/other-trashes.ts'
import type { TrashedThere } from '../../copies/trash/told-trash.ts'
import type { OthersTrash } from './others-trash.ts'
import { trashedOf } from './trash.ts'
import type { Trash } from './trash.ts'

/** A deleted repository. */
export type Trashed = TrashedThere & {
  /** Whether it is in the trash of this host, which can restore it then. */
  readonly isHere: boolean
  /** The other hosts that have it. */
  readonly elsewhere: readonly string[]
}

export type TrashList = {
  /** The latest first. */
  readonly trash: readonly Trashed[]
  /** Other hosts that may have more, and why they have not said. Null: this host is stopped, and has asked nobody. */
  readonly unasked: readonly Left[] | null
}

/** What there is in the trash of this host, and in that of others. */
export async function listTrash(trash: Pick<Trash, 'list'>, others: OthersTrash | undefined): Promise<TrashList> {
  const asked = others === undefined || others === 'unasked' ? undefined : await others.list()
  const found = new Map<string, Trashed>()
  for (const entry of await trash.list()) {
    found.set(keyOf(entry), { ...trashedOf(entry), isHere: true, elsewhere: [] })
  }
  for (const { host, ...entry } of asked?.entries ?? []) {
    const known = found.get(keyOf(entry)) ?? { ...entry, isHere: false, elsewhere: [] }
    found.set(keyOf(entry), { ...both(known, entry), elsewhere: [...known.elsewhere, host].toSorted() })
  }
  const all = [...found.values()].toSorted((one, other) => (one.deletedAt < other.deletedAt ? 1 : -1))
  return { trash: all, unasked: others === 'unasked' ? null : (asked?.unasked ?? []) }
}

function keyOf({ id, repository }: Pick<TrashedThere, 'id' | 'repository'>): string {
  return JSON.stringify([id, repository])
}

/** Deleted when the first host has, and kept for as long as any host keeps it. */
function both(one: Trashed, other: TrashedThere): Trashed {
  const deletedAt = one.deletedAt < other.deletedAt ? one.deletedAt : other.deletedAt
  const isForEver = one.keptUntil === null || other.keptUntil === null
  const last = isForEver ? null : one.keptUntil! > other.keptUntil! ? one.keptUntil : other.keptUntil
  const renamedTo = one.renamedTo ?? other.renamedTo
  const isDropped = one.isDropped && other.isDropped
  return { ...one, deletedAt, keptUntil: last, isDropped, ...(renamedTo && { renamedTo }) }
}
