import type { RequestBody } from '../body/request-body.ts'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { plainName } from '@sluice/shared/git/repository-name'
import { confirmCopies } from '../copies/primary/confirm-copies.ts'
import type { Cause, Copies } from '../copies/primary/copies.ts'
import { maxOfferedBytes } from '../copies/primary/offers.ts'
import { contentsOfPush } from '../copies/primary/push-contents.ts'
import type { PushAudit } from '../push/push-audit.ts'
import { syncReferences } from '../push/sync-references.ts'
import type { PushReply } from '../reply/push-reply.ts'
import type { GitCall } from './git-call.ts'

/** Resolves when a push may be acknowledged. @throws {Refusal} `not_on_disk`, `term_over`, `copies_lost`, or why that is not known */
export type ConfirmPush = () => Promise<void>

/** A push that git runs for, and what is known of it when its report is whole. */
export type ConfirmedPush = {
  readonly body: RequestBody
  readonly audit: Pick<PushAudit, 'results' | 'hasProcReceive'>
  readonly reply: Pick<PushReply, 'hasWholeReport'>
  readonly hasHooks: boolean
  /** From `keepForCopies`. */
  readonly since: number
  /** The repository. Undefined where nobody waits for the disk. */
  readonly syncedIn: string | undefined
}

/**
 * To be called before git is started: copies may get a small push as it came. Waits for what this host has begun as a copy,
 * in a term that is over.
 *
 * @returns the time, as `SmallPush` has it
 */
export async function keepForCopies(
  body: RequestBody,
  repository: string,
  copies: Copies | undefined,
): Promise<number> {
  await copies?.turns.untilFree(plainName(repository))
  if (copies?.has(repository)) body.keep(maxOfferedBytes)
  return performance.now()
}

/**
 * What the push has done must be on the disk. In a cluster, the copies in sync must have it, and this host must be the primary
 * still.
 */
export function confirmationOf(
  { exchange, request, tenure }: GitCall,
  copies: Copies | undefined,
  push: ConfirmedPush,
): ConfirmPush | undefined {
  if (!tenure && push.syncedIn === undefined) return undefined
  return async () => {
    const isInVain = push.reply.hasWholeReport && push.audit.results.areAllRejected
    const synced = isInVain ? undefined : syncChanged(push)
    // It may fail before it is waited for.
    synced?.catch(() => {})
    if (copies && tenure && !isInVain) await confirmCopies(copies, request.repository, tenure, causeIn(push))
    await synced
    await tenure?.confirm(exchange.signal)
  }
}

async function syncChanged({ syncedIn, audit }: ConfirmedPush): Promise<void> {
  if (syncedIn === undefined) return
  const changed = audit.results.results.filter(({ why }) => why === undefined)
  const refs = changed.map(({ ref, instead }) => instead.ref ?? ref)
  try {
    await syncReferences(syncedIn, refs)
  } catch (cause) {
    throw new Refusal('not_on_disk', { cause })
  }
}

function causeIn({ body, audit, hasHooks, since }: ConfirmedPush): Cause {
  const { kept } = body
  body.forget()
  const contents = kept && !audit.hasProcReceive ? contentsOfPush(kept, audit.results) : undefined
  return contents ? { ...contents, since, isAll: !hasHooks } : 'push'
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
