import type { IncomingMessage } from 'node:http'

/**
 * When to send `102 Processing` (RFC 2518 section 10.1) to a client whose large body nobody reads yet: only a write shows
 * whether the client is still there.
 */

/**
 * Apache's mod_proxy takes ten interim replies and then fails the request (`PROXY_MAX_INTERIM_RESPONSES`, "Too many
 * (%d) interim responses from origin server").
 */
const mostReplies = 9

const firstAfterMs = 250
const steadyReplies = 4

/**
 * When the next interim reply is due. Most clients that leave do so at once, so the first four come a quarter of a
 * second apart. Each further one comes at twice the time of the one before, up to 32 s. Until then, a client that
 * leaves keeps its place for at most as long again as it has waited.
 *
 * @param sent how many interim replies this request has had
 * @returns milliseconds since the wait began; undefined if a proxy would take no more
 */
export function interimReplyDueAt(sent: number): number | undefined {
  if (sent >= mostReplies) return undefined
  const doublings = Math.max(0, sent + 1 - steadyReplies)
  return Math.min(sent + 1, steadyReplies) * firstAfterMs * 2 ** doublings
}

/**
 * Whether no proxy stands between this server and git. A proxy may fail on interim replies: Apache's mod_proxy turned a
 * push with them into 502. Most proxies show themselves: by HTTP/1.0 (nginx by default), `Via` (RFC 9110 section
 * 7.6.3), `Forwarded` (RFC 7239), or the headers that came before it. HTTP/2 needs no interim replies, because an
 * unread body hides nothing there.
 */
export function isAskedDirectly({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  const isHttp11 = httpVersionMajor === 1 && httpVersionMinor >= 1
  return isHttp11 && !Object.keys(headers).some((name) => isOfProxies.test(name))
}

const isOfProxies =
  /^(?:via|forwarded|x-forwarded(?:-.*)?|x-real-ip|x-original-.*|cdn-loop|cf-connecting-ip|true-client-ip)$/
