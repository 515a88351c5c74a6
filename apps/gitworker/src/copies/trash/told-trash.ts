import { z } from 'zod'
import { hostName, parseJson } from '@sluice/shared/placement/slot-record'

/*
 * What hosts say to each other about their trash:
 *
 *   POST /-/copies/purge   the primary of a repository has one entry removed for good, by its id
 *   POST /-/copies/trash   any host asks what there is: a line for each entry, and one at the end
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have these names. */
export const purgePath = '/-/copies/purge'
export const trashPath = '/-/copies/trash'

/** In bytes. */
export const maxToldTrashBytes = 64 * 1024

const id = z.string().regex(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/)
const repository = z.string().min(1).max(4096)

const renamedTo = z.strictObject({ name: repository, host: hostName })

const removed = z.strictObject({
  /** Its plain name. */
  repository,
  id,
  /** Whether copies of it go, too, that the host has kept once and others keep now. */
  withDropped: z.boolean(),
})

/** What is to be removed from a trash. */
export type RemovedTrash = z.output<typeof removed>

const told = removed.extend({
  term: z.int().positive(),
  /** The host that tells it. */
  primary: hostName,
})

export type ToldPurge = z.output<typeof told>

/** @returns undefined for what no primary of this version tells */
export function readToldPurge(line: string): ToldPurge | undefined {
  return told.safeParse(parseJson(line)).data
}

const here = z.strictObject({
  /** Whether the entry was there. */
  isRemoved: z.boolean(),
  /** Copies with other ids that were removed besides. */
  dropped: z.int().nonnegative(),
})

/** What a host has removed. */
export type RemovedHere = z.output<typeof here>

const answer = z.union([
  here.extend({
    /** Whether the host has the repository itself, outside of its trash. */
    hasIt: z.boolean(),
  }),
  z.strictObject({ failed: z.string().max(10_000) }),
])

/** What was done, or why it was not. */
export type PurgeAnswer = z.output<typeof answer>

/** @returns undefined for what no host of this version answers */
export function readPurgeAnswer(line: string): PurgeAnswer | undefined {
  return answer.safeParse(parseJson(line)).data
}

const asked = z.strictObject({
  /** The host that asks. */
  host: hostName,
})

export type TrashAsked = z.output<typeof asked>

/** @returns undefined for what no host of this version asks */
export function readTrashAsked(line: string): TrashAsked | undefined {
  return asked.safeParse(parseJson(line)).data
}

const entry = z.strictObject({
  id,
  repository,
  deletedAt: z.string().max(100),
  keptUntil: z.string().max(100).nullable(),
  /** Whether it is a copy that others keep now. */
  isDropped: z.boolean(),
  /** Absent where it was not renamed. */
  renamedTo: renamedTo.optional(),
})

/** An entry of a host's trash. Times are ISO 8601. */
export type TrashedThere = z.output<typeof entry>

const line = z.union([
  entry,
  z.strictObject({ failed: z.string().max(10_000) }),
  z.strictObject({ end: z.literal(true) }),
])

/** An entry, or why they cannot be listed. The last line says that nothing is missing. */
export type TrashLine = z.output<typeof line>

/** @returns undefined for what no host of this version answers */
export function readTrashLine(text: string): TrashLine | undefined {
  return line.safeParse(parseJson(text)).data
}
