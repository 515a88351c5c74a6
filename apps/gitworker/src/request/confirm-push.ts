import type { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Tenure } from '../cluster/placement/tenure.ts'
import { TooFewCopiesError } from '../copies/primary/copies.ts'
import { NotPrimaryError } from '../copies/primary/primary-of.ts'
import type { Copies } from '../copies/primary/copies.ts'
import type { GitCall } from './git-call.ts'

/** Resolves when a push may be acknowledged. @throws {Refusal} `term_over`, `copies_lost`, or why that cannot be known */
export type ConfirmPush = () => Promise<void>

/**
 * In a cluster, the copies in sync must have what the push has done, and this host must be the primary still.
 *
 * @param isInVain whether git has said that the push changes nothing
 */
export function confirmationOf(
  { exchange, request, tenure }: GitCall,
  copies: Copies | undefined,
  isInVain: () => boolean,
): ConfirmPush | undefined {
  if (!tenure) return undefined
  return async () => {
    if (copies && !isInVain()) await confirmCopies(copies, request.repository, tenure)
    await tenure.confirm(exchange.signal)
  }
}

/** @throws {Refusal} `term_over`, `copies_lost`, or why that cannot be known */
export async function confirmCopies(copies: Copies, repository: string, { term }: Pick<Tenure, 'term'>): Promise<void> {
  try {
    await copies.confirm(repository, term)
  } catch (cause) {
    if (cause instanceof NotPrimaryError) throw new Refusal('term_over', { cause })
    throw cause instanceof TooFewCopiesError ? new Refusal('copies_lost', { cause }) : cause
  }
}

/** Whether the client may get git's report. If not, the exchange is ended. */
export async function isConfirmed(exchange: Exchange, confirm: ConfirmPush | undefined): Promise<boolean> {
  try {
    await confirm?.()
    return true
  } catch (error) {
    exchange.abort(Refusal.from(error))
    return false
  }
}
