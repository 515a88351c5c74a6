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
  if (!isSound(parsed.data) || (term !== null && term > revision)) return undefined
  return { primary: primary ?? undefined, copies, inSync, next: next ?? undefined, term: term ?? revision }
}

/** @throws {Error} for what nobody could read: it must not get into etcd */
export function writeSlotRecord({ primary, copies, inSync, next, term }: SlotWrite): string {
  const text = JSON.stringify({ primary: primary ?? null, copies, inSync, next: next ?? null, term: term ?? null })
  if (!isSound({ primary, copies, inSync })) throw new Error(`A slot cannot be kept like this: ${text}`)
  return text
}

type Keepers = Pick<SlotRecord, 'copies' | 'inSync'> & { readonly primary: string | null | undefined }

/** The primary is in sync, and whoever is in sync is a copy. */
function isSound({ primary, copies, inSync }: Keepers): boolean {
  const isPrimaryInSync = primary === null || primary === undefined || inSync.includes(primary)
  return isPrimaryInSync && inSync.every((name) => copies.includes(name))
}

/** The same without a copy in those in sync. It cannot become primary then. */
export function withoutInSync(record: SlotRecord, copy: string): SlotRecord {
  const inSync = record.inSync.filter((host) => host !== copy)
  return { ...record, inSync, next: record.next === copy ? undefined : record.next }
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
