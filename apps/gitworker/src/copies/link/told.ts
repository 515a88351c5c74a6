import { z } from 'zod'
import { hostName } from '@sluice/shared/placement/slot-record'
import { parseJson } from '@sluice/shared/placement/slot-record'

/*
 * What a primary tells a copy, and what the copy answers: POST /-/copies/follow, with one line of JSON each way. Before its
 * answer, the copy writes an empty line whenever something has moved, so that the primary knows that it is at work.
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have these names. */
export const followPath = '/-/copies/follow'
export const objectsPath = '/-/copies/objects'

/** In bytes. A thousand symbolic references fit. */
export const maxToldBytes = 1024 * 1024

const text = z.string().min(1).max(4096)

const told = z.strictObject({
  /** The repository's plain name. */
  repository: z.string().min(1).max(4096),
  term: z.int().positive(),
  /** The host that tells it. */
  primary: hostName,
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  format: z.enum(['sha1', 'sha256']),
  head: text,
  headIsGuess: z.boolean(),
  symbolic: z.array(z.tuple([text, text])).max(1000),
})

/** One state of a repository, which a copy is to have. Names of references have one character for each byte. */
export type Told = z.output<typeof told>

/** @returns undefined for what no primary of this version tells */
export function readTold(line: string): Told | undefined {
  return told.safeParse(parseJson(line)).data
}

const answer = z.union([
  z.strictObject({ digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ failed: z.string().max(10_000), isOver: z.boolean() }),
])

/** The state that the copy has now, or why it could not follow. `isOver`: it knows a newer term, or is no copy. */
export type Answer = z.output<typeof answer>

/** @returns undefined for what no copy of this version answers */
export function readAnswer(line: string): Answer | undefined {
  return answer.safeParse(parseJson(line)).data
}
