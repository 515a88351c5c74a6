import { slotOf } from '@sluice/shared/placement/slot'
import type { SlotView } from '../../slot-view.ts'
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
  await untilHeard(view, { slot, term, primary }, waitMs)
  const problem = problemOf(view, terms, { slot, term, primary })
  if (problem) throw problem
}

/** The same for a host that may be no copy. @throws {NotFollowedError} */
export async function checkPrimarysClaim(view: SlotView, terms: Terms, claim: RepositoryClaim): Promise<void> {
  const { repository, term, primary } = claim
  const slot = slotOf(repository)
  await untilHeard(view, { slot, term, primary }, newerTermMs)
  const problem = problemOfPrimary(view, terms, { slot, term, primary })
  if (problem) throw problem
}

async function untilHeard(view: SlotView, { slot, term }: TermClaim, waitMs: number): Promise<void> {
  const until = performance.now() + waitMs
  for (let left = waitMs; left > 0; left = until - performance.now()) {
    if ((view.slot(slot)?.term ?? 0) >= term) break
    await view.changed(slot, left)
  }
}

/** A signal that says when a claim is true no more. It costs a listener until it is disposed of. */
export type WhileTrue = Disposable & { readonly signal: AbortSignal }

/** @param claim that was true. It may not be any more */
export function whileTrue(view: SlotView, terms: Terms, claim: RepositoryClaim): WhileTrue {
  const { term, primary } = claim
  const slot = slotOf(claim.repository)
  const over = new AbortController()
  const look = () => {
    const problem = problemOf(view, terms, { slot, term, primary })
    if (problem) over.abort(problem)
  }
  const listening = view.listen((changed) => {
    if (changed === slot) look()
  })
  look()
  return { signal: over.signal, [Symbol.dispose]: () => listening[Symbol.dispose]() }
}

/** Whether a claim may have been true, and is not any more, or not yet, as far as this host knows. */
export function isClaimUntrue(view: SlotView, terms: Terms, { repository, ...claim }: RepositoryClaim): boolean {
  return problemOf(view, terms, { slot: slotOf(repository), ...claim }) !== undefined
}

/** Why a claim is not true, as far as this host knows. */
function problemOf(view: SlotView, terms: Terms, { slot, term, primary }: TermClaim): NotFollowedError | undefined {
  const problem = problemOfPrimary(view, terms, { slot, term, primary })
  if (problem || view.slot(slot)?.copies.includes(view.name)) return problem
  return new NotFollowedError(`This is no copy of slot ${slot} now.`, false)
}

/** The same, whether this host is a copy or not. */
function problemOfPrimary(view: SlotView, terms: Terms, { slot, term, primary }: TermClaim) {
  const record = view.slot(slot)
  const newest = Math.max(terms.of(slot), record?.term ?? 0)
  if (term < newest) return new NotFollowedError(`Term ${term} of slot ${slot} is over: ${newest} is known.`, true)
  if (record?.primary === primary && primary !== view.name && record.term === term) return undefined
  return new NotFollowedError(`${primary} is not known here as the primary of slot ${slot} in term ${term}.`, false)
}
