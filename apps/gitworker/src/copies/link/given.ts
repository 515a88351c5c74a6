import { z } from 'zod'
import { hostName, parseJson } from '@sluice/shared/placement/slot-record'
import { toldState } from './told.ts'

/*
 * How a host gives a repository to the primary of another name: POST /-/copies/given. Both sides write lines of JSON; empty
 * ones from the receiver are signs of life.
 *
 *   giver      what it gives                               as it is now                          the old one is gone
 *   receiver                 words … ──▶ ready: it has all of it      words … ──▶ made, or failed                    ──▶ open
 *
 * A fork ends with `made`. What is renamed takes no pushes under its new name before the giver's third line: until then, the
 * old name decides, and either side may break off. A receiver that has made it and does not get that line asks the primary
 * of the old name what has become of that (POST /-/copies/outcome), for as long as it takes.
 *
 * The receiver asks the giver for everything else by the gift's id, at the address that its own table has, as copies do
 * (told.ts, told-objects.ts).
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have these names. */
export const givenPath = '/-/copies/given'
export const outcomePath = '/-/copies/outcome'

/** Of one line. A thousand symbolic references fit. */
export const maxGivenLineBytes = 1024 * 1024

const name = z.string().min(1).max(4096)

const giftId = z.string().regex(/^[0-9a-f]{32}$/)

const trashId = z.string().regex(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/)

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
    gift: giftId,
  }),
  /** What the old one is called in the trash when it is renamed. */
  trash: trashId,
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

const gone = z.strictObject({ gone: z.literal(true) })

/** The giver's third line: the old name is gone. */
export const goneLine = JSON.stringify({ gone: true } satisfies z.output<typeof gone>)

/** Whether the giver says so. */
export function isGoneLine(line: string): boolean {
  return gone.safeParse(parseJson(line)).success
}

const answer = z.union([
  z.strictObject({ words: z.string().max(10_000) }),
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ made: z.literal(true) }),
  z.strictObject({ open: z.literal(true) }),
  z.strictObject({
    failed: z.string().max(10_000),
    /** Of a refusal. */
    reason: z.string().max(100).nullable(),
    /** Whether it has its new name all the same. What is renamed is removed again. */
    isMade: z.boolean(),
  }),
])

/** What the receiver says: a line for people; that it has all; that it is made, and takes pushes; how it ended. */
export type GivenAnswer = z.output<typeof answer>

/** @returns undefined for what no host of this version answers */
export function readGivenAnswer(line: string): GivenAnswer | undefined {
  return answer.safeParse(parseJson(line)).data
}

const outcomeAsked = z.strictObject({
  /** The old name. */
  repository: name,
  gift: giftId,
  trash: trashId,
})

/** What a receiver asks: which gift it is about. */
export type OutcomeAsked = z.output<typeof outcomeAsked>

/** @returns undefined for what no host of this version asks */
export function readOutcomeAsked(line: string): OutcomeAsked | undefined {
  return outcomeAsked.safeParse(parseJson(line)).data
}

const outcomeAnswer = z.union([
  z.strictObject({
    /** The old name is gone for good; or it stays, whatever the receiver has; or that is not decided yet. */
    outcome: z.enum(['gone', 'stays', 'undecided']),
  }),
  z.strictObject({ failed: z.string().max(10_000) }),
])

export type Outcome = Extract<z.output<typeof outcomeAnswer>, { readonly outcome: string }>['outcome']

/** @returns undefined for what no host of this version answers */
export function readOutcomeAnswer(line: string): z.output<typeof outcomeAnswer> | undefined {
  return outcomeAnswer.safeParse(parseJson(line)).data
}
