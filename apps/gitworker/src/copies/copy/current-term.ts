import { slotOf } from '@sluice/shared/placement/slot'
import type { SlotView } from '../slot-view.ts'
import { NotFollowedError } from './not-followed-error.ts'
import type { Terms } from './terms.ts'

/** Who says to be the primary of a slot. */
export type TermClaim = { readonly slot: number; readonly term: number; readonly primary: string }

/** A repository, and who says to be the primary of its slot. */
export type RepositoryClaim = Omit<TermClaim, 'slot'> & { readonly repository: string }

/** The same for a repository, and remembers the term. @throws {NotFollowedError} */
export async function checkTerm(view: SlotView, terms: Terms, claim: RepositoryClaim): Promise<void> {
  const { repository, term, primary } = claim
  const slot = slotOf(repository)
  await checkClaim(view, terms, { slot, term, primary })
  if (await terms.see(slot, term)) return
  throw new NotFollowedError(`Term ${term} of slot ${slot} is over: ${terms.of(slot)} is known.`, true)
}

/** How long a copy waits for a change that the primary has heard of before it. Milliseconds. */
export const newerTermMs = 2000

/**
 * Makes sure that the primary of a slot is the one that says so, and that this host is a copy of it.
 *
 * @param waitMs for which a change that the primary has heard of is waited for
 * @throws {NotFollowedError}
 */
export async function checkClaim(
  view: SlotView,
  terms: Terms,
  { slot, term, primary }: TermClaim,
  waitMs = newerTermMs,
): Promise<void> {
  const until = performance.now() + waitMs
  for (let left = waitMs; left > 0; left = until - performance.now()) {
    if ((view.slot(slot)?.term ?? 0) >= term) break
    await view.changed(slot, left)
  }
  const record = view.slot(slot)
  const newest = Math.max(terms.of(slot), record?.term ?? 0)
  if (term < newest) throw new NotFollowedError(`Term ${term} of slot ${slot} is over: ${newest} is known.`, true)
  const isCopy = record?.primary === primary && primary !== view.name && record.copies.includes(view.name)
  if (!isCopy || record.term !== term) throw new NotFollowedError(`This is no copy of slot ${slot} now.`, false)
}
