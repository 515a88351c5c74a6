import type { IncomingMessage } from 'node:http'
import { hostHeader, readHostName } from '../network/host-name.ts'
import type { HostNames } from '../network/host-name.ts'
import { isLoopback } from '../network/loopback.ts'
import { Refusal } from '../refusal/refusal.ts'

/**
 * Keeps pages of other web sites from using this server through a visitor's browser. Of the headers that are checked,
 * git and other clients send only `Host`.
 */
export type SiteOptions = {
  /** The names under which this server may be asked, besides those of the loopback; `any`: all. */
  readonly hostNames: HostNames | 'any'
  /** What else can be done about a refused name: the end of the sentence that the user gets. */
  readonly hint: string
  /** Whether pages of this origin may ask, though it is another site. */
  readonly mayAsk: (origin: string) => boolean
}

/**
 * Refuses names that are not this server's. A name of another site that leads here (DNS rebinding) makes this server a part
 * of that site, for a browser.
 *
 * @throws {Refusal} `unknown_host`
 */
export function checkHostName(incoming: IncomingMessage, { hostNames, hint }: SiteOptions): void {
  const text = hostHeader(incoming)
  // HTTP/1.0 may have none. Browsers always send it.
  if (hostNames === 'any' || text === undefined || text === '') return
  const host = readHostName(text)
  if (host && (isLoopback(host.name) || hostNames.has(host.name))) return
  const shown = host ? `the name ${host.name.slice(0, 255)}` : 'such a name'
  const sentence = `This server may not be asked for by ${shown}: use 127.0.0.1 or localhost${hint}.`
  throw new Refusal('unknown_host', { sentence })
}

/**
 * Refuses requests of other sites' pages, which browsers mark themselves (https://www.w3.org/TR/fetch-metadata/).
 *
 * @throws {Refusal} `cross_site`
 */
export function checkSite(incoming: IncomingMessage, { mayAsk }: SiteOptions): void {
  const { origin } = incoming.headers
  if (origin !== undefined && mayAsk(origin)) return
  if (isFromOtherSite(incoming)) throw new Refusal('cross_site')
}

/**
 * Whether somebody has followed a link: the page that it is on gets nothing to see of the reply
 * (https://www.w3.org/TR/fetch-metadata/).
 */
export function isFollowedLink({ headers }: IncomingMessage): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}

/** Any other origin counts as another site here, such as a page of the same host on another port. */
export function isFromOtherSite(incoming: IncomingMessage): boolean {
  const { 'sec-fetch-site': site, origin } = incoming.headers
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  if (origin === undefined) return false
  // Browsers send no `Sec-Fetch-Site` to a server without TLS on another machine, and old ones never do.
  const told = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]
  const [theirs, ours] = [told, hostHeader(incoming)].map((text) => readHostName(text ?? ''))
  return !theirs || !ours || theirs.name !== ours.name || theirs.port !== ours.port
}
