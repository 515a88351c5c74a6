import { randomUUID } from 'node:crypto'
import { plainName } from '@sluice/shared/git/repository-name'
import type { NewOperation } from '../../events/intent/operation-events.ts'
import type { Operation } from './operation.ts'

/**
 * What others are told of an operation.
 *
 * @param trashed what the trash has under an id
 * @param user who wants it, for the event
 * @param otherHost whose disk is to have the new name, where that is another one than the repository's
 * @returns undefined for one that is nobody else's business
 * @throws {Refusal} `trash_missing`
 */
export function toldOperation(
  operation: Operation,
  trashed: (id: string) => { readonly repository: string },
  user: string | undefined,
  otherHost?: string,
): NewOperation | undefined {
  const who = { requestId: randomUUID(), ...(user !== undefined && { user }) }
  const creates = (name: string): NewOperation => ({ kind: 'create', repository: plainName(name), ...who })
  const { kind } = operation
  if (kind === 'create') return creates(operation.repository)
  if (kind === 'fork') return creates(operation.to)
  if (kind === 'restore') return creates(operation.to ?? trashed(operation.id).repository)
  if (kind === 'delete') return { kind, repository: plainName(operation.repository), ...who }
  if (kind !== 'rename') return undefined
  const names = { repository: plainName(operation.repository), to: plainName(operation.to) }
  return { kind, ...names, ...(otherHost !== undefined && { isElsewhere: true }), ...who }
}
