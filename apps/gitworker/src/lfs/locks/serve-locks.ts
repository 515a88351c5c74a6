import type { LfsLocks } from '@sluice/shared/lfs/lfs-request'
import { readJsonBody } from '@sluice/shared/exchange/json-body'
import type { LfsCall } from '../call/lfs-call.ts'
import { confirmCopies } from '../../copies/primary/confirm-copies.ts'
import type { Copies } from '../../copies/primary/copies.ts'
import { locksFileIn } from '../../repository/locks-file.ts'
import { replyLfs } from '../call/lfs-reply.ts'
import type { LfsPlace } from '../storage/lfs-storage.ts'
import { answerLocks } from './answer-locks.ts'
import type { Locks } from './locks.ts'

export type LockServices = {
  readonly locks: Locks
  /** Undefined where nothing is copied to other hosts. */
  readonly copies: Pick<Copies, 'confirm' | 'turns'> | undefined
}

/**
 * Serves a request for locks. They are in the repository, so that they go with it wherever it goes.
 *
 * @param place undefined where the repository does not exist yet, and a push may create it
 * @throws {Refusal} `lfs_bad_request`, `term_over`, `copies_lost`, and those of `answerLocks`
 */
export async function serveLocks(
  { exchange, request, tenure }: LfsCall<LfsLocks>,
  place: LfsPlace | undefined,
  { locks, copies }: LockServices,
): Promise<void> {
  const body = request.action === 'list' ? undefined : await readJsonBody(exchange)
  const file = place && locksFileIn(place.gitDir)
  // What is followed may write the locks.
  if (tenure && place) await copies?.turns.untilFree(place.repository)
  await tenure?.begin(exchange.signal)
  const { status, json } = await answerLocks(locks, { request, body, user: exchange.user, file })
  if (copies && tenure && place && status < 300) await confirmCopies(copies, place.repository, tenure, 'push')
  await tenure?.confirm(exchange.signal)
  await replyLfs(exchange, status, json)
}
