import { Refusal } from '@sluice/shared/refusal/refusal'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import type { Cause, Copies } from './copies.ts'
import { NotPrimaryError, TooFewCopiesError } from './primary-of.ts'

/** @throws {Refusal} `term_over`, `copies_lost`, or why that cannot be known */
export async function confirmCopies(
  copies: Pick<Copies, 'confirm'>,
  repository: string,
  { term }: Pick<Tenure, 'term'>,
  changed?: Cause,
): Promise<void> {
  await confirmed(() => copies.confirm(repository, term, changed))
}

/** The same for objects of LFS. @throws {Refusal} `term_over`, `copies_lost`, or why that cannot be known */
export async function confirmObjects(
  copies: Pick<Copies, 'confirmObjects'>,
  repository: string,
  { term }: Pick<Tenure, 'term'>,
  objects: readonly LfsPointer[],
): Promise<void> {
  await confirmed(() => copies.confirmObjects(repository, term, objects))
}

async function confirmed(confirm: () => Promise<void>): Promise<void> {
  try {
    await confirm()
  } catch (cause) {
    if (cause instanceof NotPrimaryError) throw new Refusal('term_over', { cause })
    throw cause instanceof TooFewCopiesError ? new Refusal('copies_lost', { cause }) : cause
  }
}
