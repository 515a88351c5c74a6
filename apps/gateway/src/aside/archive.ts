import type { Exchange } from '@sluice/shared/exchange/exchange'
import { pktLine } from '@sluice/shared/git/pkt-line'
import { reasonHeaders } from '@sluice/shared/host-protocol/from-host'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Reason } from '@sluice/shared/refusal/reasons'

/**
 * Refuses `git archive --remote`. git asks for it by POST since version 2.44, and shows its user an error packet
 * (gitprotocol-pack(5)), but only the status of an HTTP error. Older versions ask nothing: they say "operation not
 * supported by protocol" themselves.
 *
 * @throws {Refusal} `archive_not_offered` where the client does not ask as git does
 */
export async function answerArchive(exchange: Exchange): Promise<Reason> {
  const refusal = new Refusal('archive_not_offered')
  const { method, headers } = exchange.incoming
  if (method !== 'POST' || headers['content-type'] !== 'application/x-git-upload-archive-request') throw refusal
  exchange.standsFor = refusal.status
  exchange.invite()
  await exchange.reply(200, pktLine(`ERR ${refusal.sentence}\n`), {
    'Content-Type': 'application/x-git-upload-archive-result',
    'X-Request-Id': exchange.id,
    ...reasonHeaders(refusal.reason),
  })
  return refusal.reason
}
