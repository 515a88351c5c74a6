import { z } from 'zod'
import { hostName } from '@sluice/shared/placement/slot-record'
import { parseJson } from '@sluice/shared/placement/slot-record'
import { maxLocksBytes } from '../../repository/locks-file.ts'
import { maxTextBytes } from '../state/repository-texts.ts'
import type { RepositoryTexts } from '../state/repository-texts.ts'

/*
 * What a primary tells a copy, and what the copy answers: POST /-/copies/follow, with one line of JSON each way. Before its
 * answer, the copy writes an empty line whenever something has moved, so that the primary knows that it is at work.
 *
 * Any peer that is trusted as gateways are can tell it. A configuration can make git run programs, so it is never told: the
 * copy asks the primary for it, at the address that its own table has (/-/copies/texts), as it does for objects
 * (/-/copies/objects), and for a small push as it came (/-/copies/push).
 */

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have these names. */
export const followPath = '/-/copies/follow'
export const objectsPath = '/-/copies/objects'
export const textsPath = '/-/copies/texts'
export const pushPath = '/-/copies/push'

/** In bytes. A thousand symbolic references fit. */
export const maxToldBytes = 1024 * 1024

const text = z.string().min(1).max(4096)
const id = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)

export const toldState = z.strictObject({
  format: z.enum(['sha1', 'sha256']),
  head: text,
  headIsGuess: z.boolean(),
  symbolic: z.array(z.tuple([text, text])).max(1000),
  /** Of configuration, description and LFS's locks: see repository-texts.ts. */
  texts: z.string().regex(/^[0-9a-f]{64}$/),
})

/** What a copy cannot fetch by git. Names of references have one character for each byte. */
export type ToldState = z.output<typeof toldState>

const trashed = z.strictObject({
  id: z.string().regex(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/),
  keptUntil: z.iso.datetime().nullable(),
  /** Absent where it was not renamed. */
  renamedTo: z.strictObject({ name: text, host: hostName }).optional(),
})

/** Where the primary's trash has a repository that was deleted, and until when it is kept; null: until it is purged. */
export type Trashed = z.output<typeof trashed>

const order = z.strictObject({
  /** Of the process that tells it. */
  run: z.string().regex(/^[0-9a-f]{16}$/),
  count: z.int().positive(),
})

/** What has a lower count was read sooner, by the same process: it must not be done after this. */
export type ToldOrder = z.output<typeof order>

const told = z.strictObject({
  /** The repository's plain name. */
  repository: z.string().min(1).max(4096),
  term: z.int().positive(),
  /** The host that tells it. */
  primary: hostName,
  order,
  /** Whether nobody waits for it: the copy is on its way into those in sync, or is looked after. */
  isCatchingUp: z.literal(true).optional(),
  /** Whether the primary has objects of LFS. A copy that makes the repository, or catches up, takes those that it lacks. */
  hasObjects: z.literal(true).optional(),
  /** Of the whole state: see state-digest.ts. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Null: the primary has no such repository. */
  state: toldState.nullable(),
  /** Null where it is not in the primary's trash, or there is one. */
  trashed: trashed.nullable(),
  /** Whether the copy is to read what it has, and not count on what it knows of it. */
  isWhole: z.boolean(),
  /** The small push that has changed the state, for which the copy may ask (/-/copies/push). */
  offer: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .nullable(),
})

/** One state of a repository, which a copy is to have. */
export type Told = z.output<typeof told>

/** @returns undefined for what no primary of this version tells */
export function readTold(line: string): Told | undefined {
  return told.safeParse(parseJson(line)).data
}

const texts = z.strictObject({
  config: z.string().max(maxTextBytes),
  description: z.string().max(maxTextBytes),
  locks: z.string().max(maxLocksBytes),
})

/** @returns undefined for what no primary of this version answers */
export function readToldTexts(line: string): RepositoryTexts | undefined {
  return texts.safeParse(parseJson(line)).data
}

const change = z.strictObject({ ref: text, old: id.nullable(), new: id })

const pushed = z.strictObject({ changes: z.array(change).min(1).max(100) })

/** The first line of an offered push. Its pack follows. */
export type Pushed = z.output<typeof pushed>

/** @returns undefined for what no primary of this version answers */
export function readPushed(line: string): Pushed | undefined {
  return pushed.safeParse(parseJson(line)).data
}

const answer = z.union([
  z.strictObject({ digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ failed: z.string().max(10_000), isOver: z.boolean() }),
])

/** The state that the copy has now, or why it could not follow. `isOver`: it knows a newer term. */
export type Answer = z.output<typeof answer>

/** @returns undefined for what no copy of this version answers */
export function readAnswer(line: string): Answer | undefined {
  return answer.safeParse(parseJson(line)).data
}
