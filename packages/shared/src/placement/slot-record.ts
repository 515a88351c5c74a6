import { z } from 'zod'

/*
 * Who keeps a slot. The balancer writes `primary`, `copies` and `next`; the primary writes `inSync`, and hands the slot over.
 * Each write is a compare-and-swap on the key's own revision.
 *
 *   no primary ──balancer──▶ kept ──balancer: next──▶ handing over ──the primary: no push runs──▶ kept by `next`
 *        ▲                    │                            │
 *        └── its host is gone, and no copy in sync lives ──┴── its host is gone: balancer takes a copy in sync ──▶ kept
 */

export const hostName = z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/)

const schema = z.strictObject({
  /** The one host that accepts pushes. Null: nobody does. */
  primary: hostName.nullable(),
  /** The hosts that keep it, the primary included. */
  copies: z.array(hostName).max(16),
  /** Those that have every acknowledged push: only these are read from, and only these may become primary. */
  inSync: z.array(hostName).max(16),
  /** The host that is to become primary, one of those in sync. Null: nobody is. */
  next: hostName.nullable(),
  /** Null in the write that changes the primary: then the term is the revision of that write. */
  term: z.int().positive().nullable(),
})

/** A slot, with its term: the revision of the last change of its primary. It never goes back. */
export type SlotRecord = {
  readonly primary: string | undefined
  readonly copies: readonly string[]
  readonly inSync: readonly string[]
  readonly next: string | undefined
  readonly term: number
}

/** What is written. `term` is undefined where the primary changes. */
export type SlotWrite = Omit<SlotRecord, 'term'> & { readonly term: number | undefined }

/** @param revision of the key @returns undefined for what is not valid */
export function readSlotRecord(value: string, revision: number): SlotRecord | undefined {
  return slotRecordOf(parseJson(value), revision)
}

/** @param value as parsed from JSON @param revision of the key @returns undefined for what is not valid */
export function slotRecordOf(value: unknown, revision: number): SlotRecord | undefined {
  const parsed = schema.safeParse(value)
  if (!parsed.success) return undefined
  const { primary, copies, inSync, next, term } = parsed.data
  const isSound = (primary === null || inSync.includes(primary)) && inSync.every((name) => copies.includes(name))
  if (!isSound || (term !== null && term > revision)) return undefined
  return { primary: primary ?? undefined, copies, inSync, next: next ?? undefined, term: term ?? revision }
}

export function writeSlotRecord({ primary, copies, inSync, next, term }: SlotWrite): string {
  return JSON.stringify({ primary: primary ?? null, copies, inSync, next: next ?? null, term: term ?? null })
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
