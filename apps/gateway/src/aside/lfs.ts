import type { Exchange } from '@sluice/shared/exchange/exchange'
import { reasonHeaders } from '@sluice/shared/host-protocol/from-host'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Reason } from '@sluice/shared/refusal/reasons'

/**
 * Says in the form of LFS's API that LFS is not offered: git-lfs shows `message` to its user. After a 501 it stops asking
 * for locks, goes on with the push, and does not try again.
 *
 * Source: docs/api/batch.md and docs/api/locking.md of https://github.com/git-lfs/git-lfs
 */
export async function answerLfs(exchange: Exchange): Promise<Reason> {
  const { status, sentence, reason } = new Refusal('lfs_not_offered')
  await exchange.reply(status, `${JSON.stringify({ message: sentence, request_id: exchange.id })}\n`, {
    'Content-Type': 'application/vnd.git-lfs+json',
    'X-Request-Id': exchange.id,
    ...reasonHeaders(reason),
  })
  return reason
}
