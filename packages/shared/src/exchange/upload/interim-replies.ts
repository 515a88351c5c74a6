import type { IncomingMessage } from 'node:http'

/**
 * `102 Processing` (RFC 2518 section 10.1) to a client that waits with a large unread body: a write is what shows that
 * nobody is there any more.
 */

/**
 * Apache's mod_proxy takes ten interim replies and then fails the request (`PROXY_MAX_INTERIM_RESPONSES`, "Too many
 * (%d) interim responses from origin server").
 */
const mostReplies = 9

const firstAfterMs = 250
const steadyReplies = 4

/**
 * When the next interim reply is due: four a quarter of a second apart, since most clients that leave do so at once, and
 * then at twice the time each, up to a minute. A client that leaves later holds a place for as long as it has waited.
 *
 * @param sent how many this request has had
 * @returns milliseconds since the wait began; undefined when there have been as many as a proxy might take
 */
export function interimReplyDueAt(sent: number): number | undefined {
  if (sent >= mostReplies) return undefined
  const doublings = Math.max(0, sent + 1 - steadyReplies)
  return Math.min(sent + 1, steadyReplies) * firstAfterMs * 2 ** doublings
}

/**
 * Whether nothing stands between this server and git that may not pass an interim reply on. Apache's mod_proxy turned a
 * push into 502 with them. Proxies tell of themselves as a rule: HTTP/1.0 (nginx, unless told otherwise), `Via` (RFC 9110
 * section 7.6.3), `Forwarded` (RFC 7239), or the headers that came before it.
 */
export function isAskedDirectly({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  const isHttp11 = httpVersionMajor === 1 && httpVersionMinor >= 1
  return isHttp11 && !Object.keys(headers).some((name) => isOfProxies.test(name))
}

const isOfProxies =
  /^(?:via|forwarded|x-forwarded(?:-.*)?|x-real-ip|x-original-.*|cdn-loop|cf-connecting-ip|true-client-ip)$/
