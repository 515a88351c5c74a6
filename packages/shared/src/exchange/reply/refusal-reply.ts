import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { inBandRefusal } from '../../git/in-band-refusal.ts'
import type { GitRequest } from '../../git/git-route.ts'
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
 * Makes the reply to a refusal: in git's own protocol if the client shows that to its user, else as plain text.
 *
 * @param request what git has asked for, if it may be told in its own protocol
 */
export function refusalReply(
  refusal: Refusal,
  { headers: asked }: IncomingMessage,
  requestId: string,
  request: GitRequest | undefined,
): RefusalReply {
  const told = { 'X-Request-Id': requestId, ...reasonHeaders(refusal.reason) }
  // What was not begun, a gateway sends again.
  const inBand = request && !isNotBegun(refusal.headers) && inBandRefusal(request, asked, refusal)
  if (inBand) {
    const headers = { 'Content-Type': inBand.contentType, ...told }
    return { status: 200, text: inBand.body, headers, standsFor: refusal.status }
  }
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', ...told, ...refusal.headers }
  return { status: refusal.status, text: `${refusal.sentence}\n`, headers }
}
