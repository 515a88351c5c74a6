import { slotOf } from '@sluice/shared/placement/slot'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotView } from '../slot-view.ts'

/** This host is not the primary any more, or cannot be sure: what was done may or may not survive. */
export class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError'
}

/** The primary has it, and fewer copies than an operator asks for. */
export class TooFewCopiesError extends Error {
  override readonly name = 'TooFewCopiesError'
}

/** @throws {NotPrimaryError} where this host is not the primary of a repository in this term */
export function checkPrimary(view: SlotView, repository: string, term: number): SlotRecord {
  const record = view.slot(slotOf(repository))
  if (record?.primary === view.name && record.term === term) return record
  throw new NotPrimaryError(`This host is not the primary of ${repository} any more.`)
}
