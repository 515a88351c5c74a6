import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Origins } from '@sluice/shared/network/origins'
import { reasonHeader } from '@sluice/shared/host-protocol/headers'
import { Refusal } from '@sluice/shared/refusal/refusal'

/** Whose pages may use this remote from a browser (the Fetch standard's CORS protocol); undefined: nobody's. */
export type CorsOrigins = Origins | 'any' | undefined

/** What a page may send beside what it always may. `User-Agent` is here for browsers in which pages may set it. */
const requestHeaders = [
  'Authorization',
  'Content-Type',
  'Content-Encoding',
  'Accept',
  'Accept-Language',
  'Git-Protocol',
  'User-Agent',
  'X-Request-Id',
  'Traceparent',
  'Tracestate',
].join(', ')

/** What a page may read of a reply beside what it always may. */
const replyHeaders = ['Allow', 'Content-Type', 'Retry-After', reasonHeader, 'WWW-Authenticate', 'X-Request-Id'].join(
  ', ',
)

/** What browsers take at most: Chromium forgets it after two hours. */
const maxAgeSeconds = 7200

export function mayUse(origins: CorsOrigins, origin: string): boolean {
  return origins === 'any' || (origins?.has(origin) ?? false)
}

/**
 * To be called before anything else answers, so that the page gets to read refusals, too. `Access-Control-Allow-Credentials`
 * is never said: a page sends a log-in of its own, and no cookie or password that the browser keeps for this server.
 */
export function allowOrigin({ headers }: IncomingMessage, outgoing: ServerResponse, origins: CorsOrigins): void {
  if (origins === undefined) return
  // What a cache keeps of a reply to one page must not be given to another.
  if (origins !== 'any') outgoing.setHeader('Vary', 'Origin')
  const { origin } = headers
  if (origin === undefined || !mayUse(origins, origin)) return
  outgoing.setHeader('Access-Control-Allow-Origin', origins === 'any' ? '*' : origin)
  outgoing.setHeader('Access-Control-Expose-Headers', replyHeaders)
}

/** A browser asks, before it sends what a page wants, whether that page may. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

/**
 * It has no log-in, and the answer is the same for every repository: whether the page's user may do what it wants is seen
 * when it does it.
 *
 * @throws {Refusal} `cross_site` for pages that are not allowed
 */
export async function answerPreflight(exchange: Exchange, origins: CorsOrigins): Promise<undefined> {
  if (!mayUse(origins, exchange.incoming.headers.origin ?? '')) throw new Refusal('cross_site')
  await exchange.reply(204, '', {
    'Access-Control-Allow-Methods': 'GET, HEAD, POST',
    'Access-Control-Allow-Headers': requestHeaders,
    'Access-Control-Max-Age': maxAgeSeconds,
    'X-Request-Id': exchange.id,
  })
}
