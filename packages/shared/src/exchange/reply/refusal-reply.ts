import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { inBandRefusal } from '../../git/in-band-refusal.ts'
import { lfsError } from '../../lfs/lfs-error.ts'
import { asksForLfs, isLfs } from '../../lfs/remote-request.ts'
import type { RemoteRequest } from '../../lfs/remote-request.ts'
import { isNotBegun, reasonHeaders } from '../../host-protocol/from-host.ts'
import type { Refusal } from '../../refusal/refusal.ts'

export type RefusalReply = {
  readonly status: number
  readonly text: string | Buffer
  readonly headers: OutgoingHttpHeaders
  /** The refusal's own status, if the reply tells it in git's protocol with status 200. */
  readonly standsFor?: number
}

/**
 * Makes the reply to a refusal: in git's own protocol if the client shows that to its user, in LFS's JSON for what LFS asks,
 * else as plain text.
 *
 * @param request what was asked for, if git may be told in its own protocol
 */
export function refusalReply(
  refusal: Refusal,
  { headers: asked, url }: IncomingMessage,
  requestId: string,
  request: RemoteRequest | undefined,
): RefusalReply {
  const told = { 'X-Request-Id': requestId, ...reasonHeaders(refusal.reason) }
  if (request ? isLfs(request) : asksForLfs(url)) return lfsReply(refusal, requestId, told)
  // What was not begun, a gateway sends again.
  const inBand = request && !isLfs(request) && !isNotBegun(refusal.headers) && inBandRefusal(request, asked, refusal)
  if (inBand) {
    const headers = { 'Content-Type': inBand.contentType, ...told }
    return { status: 200, text: inBand.body, headers, standsFor: refusal.status }
  }
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', ...told, ...refusal.headers }
  return { status: refusal.status, text: `${refusal.sentence}\n`, headers }
}

/** On a 401, LFS's clients look for the challenge in a header of their own first (docs/api/authentication.md of git-lfs). */
function lfsReply(refusal: Refusal, requestId: string, told: OutgoingHttpHeaders): RefusalReply {
  const { status, sentence, headers: own } = refusal
  const { contentType, text } = lfsError(sentence, requestId)
  const challenge = own['WWW-Authenticate']
  const headers = {
    'Content-Type': contentType,
    ...told,
    ...own,
    ...(challenge !== undefined && { 'LFS-Authenticate': challenge }),
  }
  return { status, text, headers }
}
