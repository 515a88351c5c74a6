import { z } from 'zod'
import { hostName, parseJson } from '@sluice/shared/placement/slot-record'
import { toldState } from './told.ts'

/*
 * How a host gives a repository to the primary of another name: POST /-/copies/given. Both sides write lines of JSON; empty
 * ones from the receiver are signs of life.
 *
 *   giver      what it gives                                    as it is now ──▶ it may get its name
 *   receiver                 words … ──▶ ready: it has all of it                        words … ──▶ made, or failed
 *
 * Until the giver has sent its second line, either side may break off, and the receiver removes what it has. From then on,
 * the receiver goes on to the end, with or without the giver.
 *
 * The receiver asks the giver for everything else by the gift's id, at the address that its own table has, as copies do
 * (told.ts, told-objects.ts).
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have this name. */
export const givenPath = '/-/copies/given'

/** Of one line. A thousand symbolic references fit. */
export const maxGivenLineBytes = 1024 * 1024

const name = z.string().min(1).max(4096)

const given = z.strictObject({
  /** Whether it gets all that copies get, or the branches and tags that clients see. */
  kind: z.enum(['rename', 'fork']),
  /** The plain name that it is to have. */
  to: name,
  /** What is asked of the giver. */
  from: z.strictObject({
    repository: name,
    term: z.int().positive(),
    primary: hostName,
    gift: z.string().regex(/^[0-9a-f]{32}$/),
  }),
  /** What it is when it is begun. */
  state: toldState,
  /** Whether it has objects of LFS. */
  hasObjects: z.boolean(),
})

export type Given = z.output<typeof given>

/** @returns undefined for what no host of this version gives */
export function readGiven(line: string): Given | undefined {
  return given.safeParse(parseJson(line)).data
}

const finished = z.strictObject({
  /** Of the whole state: see state-digest.ts. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  state: toldState,
  hasObjects: z.boolean(),
})

/** What it is in the end: nobody changes it any more. */
export type Finished = z.output<typeof finished>

/** @returns undefined for what no host of this version says */
export function readFinished(line: string): Finished | undefined {
  return finished.safeParse(parseJson(line)).data
}

const answer = z.union([
  z.strictObject({ words: z.string().max(10_000) }),
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ made: z.literal(true) }),
  z.strictObject({
    failed: z.string().max(10_000),
    /** Of a refusal. */
    reason: z.string().max(100).nullable(),
    /** Whether it has its new name all the same. */
    isMade: z.boolean(),
  }),
])

/** What the receiver says: a line for people; that it has all; how it ended. */
export type GivenAnswer = z.output<typeof answer>

/** @returns undefined for what no host of this version answers */
export function readGivenAnswer(line: string): GivenAnswer | undefined {
  return answer.safeParse(parseJson(line)).data
}
