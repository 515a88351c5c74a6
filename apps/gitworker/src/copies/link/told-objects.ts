import { z } from 'zod'
import { hostName, parseJson } from '@sluice/shared/placement/slot-record'

/*
 * A primary tells its copies which objects of LFS they must have: POST /-/copies/lfs, with one line of JSON each way, and
 * empty lines as signs of life, as where it tells a state. The copy takes what it lacks from the primary of its own table
 * (/-/copies/lfs-object). One that makes a repository, or catches up, asks for all that there are (/-/copies/lfs-page).
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have these names. */
export const toldObjectsPath = '/-/copies/lfs'
export const objectPagePath = '/-/copies/lfs-page'
export const objectPath = '/-/copies/lfs-object'

const pointer = z.strictObject({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().nonnegative() })

/** As many as a client may ask for at once. */
const mostTold = 1000

/** In bytes. */
export const maxToldObjectsBytes = 256 * 1024

const told = z.strictObject({
  /** The repository's plain name. */
  repository: z.string().min(1).max(4096),
  term: z.int().positive(),
  /** The host that tells it. */
  primary: hostName,
  objects: z.array(pointer).max(mostTold),
})

export type ToldObjects = z.output<typeof told>

/** @returns undefined for what no primary of this version tells */
export function readToldObjects(line: string): ToldObjects | undefined {
  return told.safeParse(parseJson(line)).data
}

const answer = z.union([
  z.strictObject({ has: z.boolean() }),
  z.strictObject({ failed: z.string().max(10_000), isOver: z.boolean() }),
])

/** Whether the copy has all of them; false: it has no such repository yet. Or why it could not take them. */
export type ObjectsAnswer = z.output<typeof answer>

/** @returns undefined for what no copy of this version answers */
export function readObjectsAnswer(line: string): ObjectsAnswer | undefined {
  return answer.safeParse(parseJson(line)).data
}

const page = z.strictObject({
  objects: z.array(pointer),
  next: z
    .string()
    .regex(/^[0-9a-f]{2}$/)
    .nullable(),
})

/** @returns undefined for what no primary of this version answers */
export function readObjectPage(line: string): z.output<typeof page> | undefined {
  return page.safeParse(parseJson(line)).data
}
