import { z } from 'zod'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Operation } from '../operation/operation.ts'

/*
 * The operations as requests:
 *
 *   POST   /-/repositories                  create
 *   DELETE /-/repositories/NAME             delete
 *   POST   /-/repositories/NAME/KIND        rename, fork, head, readonly, gc, fsck, lfs-prune
 *   POST   /-/mirrors/NAME/run              mirror
 *   POST   /-/trash/ID/restore              restore
 *   DELETE /-/trash/ID                      purge
 */

/** @param body parsed JSON. @throws {Refusal} `bad_operation` */
export type ReadOperation = (subject: string, body: unknown) => Operation

const name = z.string().min(1).max(4096)
const empty = z.strictObject({})

/** Whatever is younger may belong to a push that is under way. */
const leastAgeSeconds = 3600
const pruning = z.strictObject({
  dryRun: z.boolean().default(true),
  minAgeSeconds: z
    .int()
    .min(leastAgeSeconds)
    .max(10 * 366 * 86_400)
    .default(14 * 86_400),
})

export const creation: ReadOperation = (_, body) => {
  const {
    name: repository,
    objectFormat,
    head,
    description,
  } = parsed(
    z.strictObject({
      name,
      objectFormat: z.enum(['sha1', 'sha256']).optional(),
      head: z.string().optional(),
      description: z.string().optional(),
    }),
    body,
  )
  return { kind: 'create', repository, objectFormat, head, description }
}

/** With a body, by the last part of the path. */
export const named: Readonly<Record<string, ReadOperation>> = {
  'rename': (repository, body) => ({ kind: 'rename', repository, ...parsed(z.strictObject({ to: name }), body) }),
  'fork': (repository, body) => {
    const { to, independent } = parsed(z.strictObject({ to: name, independent: z.boolean().default(false) }), body)
    return { kind: 'fork', repository, to, isIndependent: independent }
  },
  'head': (repository, body) => ({ kind: 'head', repository, ...parsed(z.strictObject({ branch: z.string() }), body) }),
  'readonly': (repository, body) => {
    const { on, message } = parsed(z.strictObject({ on: z.boolean(), message: z.string().optional() }), body)
    if (!on && message !== undefined)
      throw badOperation('A message is for a repository that is read-only ("on": true).')
    return { kind: 'readonly', repository, readOnly: on ? (message ?? '') : null }
  },
  'gc': (repository, body) => ({ kind: 'gc', repository, ...parsed(empty, body) }),
  'lfs-prune': (repository, body) => {
    const { dryRun, minAgeSeconds } = parsed(pruning, body)
    return { kind: 'lfs-prune', repository, isDryRun: dryRun, minAgeMs: minAgeSeconds * 1000 }
  },
  'fsck': (repository, body) => ({ kind: 'fsck', repository, ...parsed(empty, body) }),
}

export const mirroring: ReadOperation = (repository, body) => ({ kind: 'mirror', repository, ...parsed(empty, body) })

export const deletion: ReadOperation = (repository, body) => ({ kind: 'delete', repository, ...parsed(empty, body) })

export const restoring: ReadOperation = (id, body) => {
  const { to } = parsed(z.strictObject({ to: name.optional() }), body)
  return { kind: 'restore', id, to }
}

export const purging: ReadOperation = (id, body) => {
  const { repository } = parsed(z.strictObject({ repository: name.optional() }), body)
  return { kind: 'purge', id, repository }
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue && issue.path.length > 0 ? `"${issue.path.join('.')}": ` : ''
  throw badOperation(`The body is not right: ${where}${issue?.message ?? 'it has the wrong form'}.`)
}

function badOperation(sentence: string): Refusal {
  return new Refusal('bad_operation', { sentence })
}
