import { join } from 'node:path'
import type { LfsLocks } from '@sluice/shared/lfs/lfs-request'
import { readJsonBody } from '@sluice/shared/exchange/json-body'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { LfsCall } from '../call/lfs-call.ts'
import { replyLfs } from '../call/lfs-reply.ts'
import type { LfsPlace } from '../storage/lfs-storage.ts'
import { answerLocks } from './answer-locks.ts'
import type { Locks } from './locks.ts'

/**
 * Serves a request for locks. They are in the repository, so that they go with it wherever it goes.
 *
 * @param place undefined where the repository does not exist yet, and a push may create it
 * @param locks undefined where none are kept: then git-lfs stops asking for them
 * @throws {Refusal} `lfs_not_offered`, `lfs_bad_request`, `term_over`, and those of `answerLocks`
 */
export async function serveLocks(
  { exchange, request, tenure }: LfsCall<LfsLocks>,
  place: LfsPlace | undefined,
  locks: Locks | undefined,
): Promise<void> {
  if (!locks) throw new Refusal('lfs_not_offered', { sentence: 'Locks of Git LFS are not offered here.' })
  const body = request.action === 'list' ? undefined : await readJsonBody(exchange)
  const file = place && join(place.gitDir, 'lfs', 'locks.json')
  await tenure?.begin(exchange.signal)
  const { status, json } = await answerLocks(locks, { request, body, user: exchange.user, file })
  await tenure?.confirm(exchange.signal)
  await replyLfs(exchange, status, json)
}
