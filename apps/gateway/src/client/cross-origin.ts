import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Origins } from '@sluice/shared/network/origins'
import { reasonHeader } from '@sluice/shared/host-protocol/headers'
import { Refusal } from '@sluice/shared/refusal/refusal'

/** Origins whose pages may use this remote from a browser (CORS, in the Fetch standard); undefined: none. */
export type CorsOrigins = Origins | 'any' | undefined

/** Headers that a page may send besides those that it always may. Some browsers let pages set `User-Agent`. */
const requestHeaders = [
  'Authorization',
  'Content-Type',
  'Content-Encoding',
  'Accept',
  'Accept-Language',
  'Git-Protocol',
  'Range',
  'User-Agent',
  'X-Request-Id',
  'Traceparent',
  'Tracestate',
].join(', ')

/** Headers of a reply that a page may read besides those that it always may. */
const replyHeaders = ['Allow', 'Content-Type', 'Retry-After', reasonHeader, 'WWW-Authenticate', 'X-Request-Id'].join(
  ', ',
)

/** How long a browser may remember the answer to a preflight. Chromium forgets it after two hours in any case. */
const maxAgeSeconds = 7200

export function mayUse(origins: CorsOrigins, origin: string): boolean {
  return origins === 'any' || (origins?.has(origin) ?? false)
}

/**
 * Writes the headers of CORS. To be called before anything else answers, so that pages can read refusals, too.
 * `Access-Control-Allow-Credentials` is never sent: a page sends a log-in of its own, never a cookie or a password that the
 * browser keeps for this server.
 */
export function allowOrigin({ headers }: IncomingMessage, outgoing: ServerResponse, origins: CorsOrigins): void {
  if (origins === undefined) return
  // A cache must not give one page the reply to another.
  if (origins !== 'any') outgoing.setHeader('Vary', 'Origin')
  const { origin } = headers
  if (origin === undefined || !mayUse(origins, origin)) return
  outgoing.setHeader('Access-Control-Allow-Origin', origins === 'any' ? '*' : origin)
  outgoing.setHeader('Access-Control-Expose-Headers', replyHeaders)
}

/** Before a browser sends a page's request, it may ask whether the page is allowed to. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

/**
 * A preflight has no log-in, and its answer is the same for every repository. Whether the page's user may do something is
 * decided when the request itself comes.
 *
 * @throws {Refusal} `cross_site` for pages that are not allowed
 */
export async function answerPreflight(exchange: Exchange, origins: CorsOrigins): Promise<undefined> {
  if (!mayUse(origins, exchange.incoming.headers.origin ?? '')) throw new Refusal('cross_site')
  await exchange.reply(204, '', {
    'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT',
    'Access-Control-Allow-Headers': requestHeaders,
    'Access-Control-Max-Age': maxAgeSeconds,
    'X-Request-Id': exchange.id,
  })
}
