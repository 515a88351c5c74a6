import { z } from 'zod'
import { Refusal } from '../refusal/refusal.ts'
import { isOid } from './lfs-request.ts'
import type { LfsOperation } from './lfs-request.ts'

/** git-lfs asks for 100 at once, unless lfs.transfer.batchSize says otherwise. */
export const maxBatchObjects = 1000

/** An object as a client names it. */
export type LfsPointer = {
  /** Its SHA-256: 64 hexadecimal digits. */
  readonly oid: string
  /** In bytes, as the client has it. */
  readonly size: number
}

export type BatchRequest = {
  readonly operation: LfsOperation
  readonly objects: readonly LfsPointer[]
  /** The ways that the client can transfer objects in. `basic` is one of them. */
  readonly transfers: readonly string[]
}

const pointer = z.object({
  oid: z.string().refine(isOid, 'must be a SHA-256, as 64 hexadecimal digits in lower case'),
  size: z.int().nonnegative(),
})

const batch = z.object({
  operation: z.enum(['download', 'upload']),
  transfers: z.array(z.string().max(64)).max(32).nullish(),
  hash_algo: z.string().nullish(),
  objects: z.array(z.unknown()),
})

/**
 * Reads the body of `POST objects/batch`.
 *
 * Source: docs/api/batch.md of https://github.com/git-lfs/git-lfs
 *
 * @throws {Refusal} `lfs_bad_request`, `lfs_batch_too_large`
 */
export function readBatch(body: Buffer): BatchRequest {
  const { operation, transfers, hash_algo, objects } = readJson(body, batch)
  if (objects.length > maxBatchObjects) throw new Refusal('lfs_batch_too_large')
  if (hash_algo != null && hash_algo !== 'sha256') {
    // The status that the API has for it.
    throw new Refusal('lfs_bad_request', { sentence: 'Objects are named by sha256 here, and by no other hash_algo.' })
  }
  // Clients that name none can do what all can.
  const ways = transfers && transfers.length > 0 ? transfers : ['basic']
  if (!ways.includes('basic')) {
    throw new Refusal('lfs_bad_request', {
      sentence: 'Objects are transferred by "basic" here, which the client does not offer.',
    })
  }
  return { operation, transfers: ways, objects: objects.map((object) => checked(object, pointer)) }
}

/** Reads the body of `POST objects/verify`. @throws {Refusal} `lfs_bad_request` */
export function readPointer(body: Buffer): LfsPointer {
  return readJson(body, pointer)
}

/** @throws {Refusal} `lfs_bad_request`, with what is wrong */
export function readJson<T>(body: Buffer, form: z.ZodType<T>): T {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new Refusal('lfs_bad_request', { sentence: 'The body of the request is not valid JSON.', cause })
  }
  return checked(json, form)
}

function checked<T>(json: unknown, form: z.ZodType<T>): T {
  const { success, data, error } = form.safeParse(json)
  if (success) return data
  const { path = [], message = '' } = error.issues[0] ?? {}
  const where = path.length === 0 ? 'The body of the request' : path.map(String).join('.').slice(0, 64)
  throw new Refusal('lfs_bad_request', { sentence: `${where} is not right: ${message.slice(0, 200)}.` })
}
