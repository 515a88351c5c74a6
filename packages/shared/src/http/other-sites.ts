import type { IncomingMessage } from 'node:http'
import { hostHeader, isLoopbackName, readHostName } from '../network/host-name.ts'
import type { HostNames } from '../network/host-name.ts'
import { Refusal } from '../refusal/refusal.ts'

/**
 * Keeps pages of other web sites from using a browser's way to this server. git and other clients send none of the headers
 * that this goes by, but for `Host`.
 */
export type SiteOptions = {
  /** The names by which this server may be asked for, beside those of the loopback; `any`: all. */
  readonly hostNames: HostNames | 'any'
  /** What else can be done about a name that is refused, in words that end the sentence. */
  readonly hint: string
  /** Other sites whose pages may ask, by their `Origin` header. */
  readonly mayAsk: (origin: string) => boolean
}

/**
 * A name of another site's that leads here (DNS rebinding) makes this server a part of that site, for a browser.
 *
 * @throws {Refusal} `unknown_host`
 */
export function checkHostName(incoming: IncomingMessage, { hostNames, hint }: SiteOptions): void {
  const text = hostHeader(incoming)
  // HTTP/1.0 may say none; browsers always do.
  if (hostNames === 'any' || text === undefined || text === '') return
  const host = readHostName(text)
  if (host && (isLoopbackName(host.name) || hostNames.has(host.name))) return
  const shown = host ? `the name ${host.name.slice(0, 255)}` : 'such a name'
  const sentence = `This server may not be asked for by ${shown}: use 127.0.0.1 or localhost${hint}.`
  throw new Refusal('unknown_host', { sentence })
}

/**
 * Whether a page of another site asks, which a browser says itself (https://www.w3.org/TR/fetch-metadata/).
 *
 * @throws {Refusal} `cross_site`
 */
export function checkSite(incoming: IncomingMessage, { mayAsk }: SiteOptions): void {
  const { origin } = incoming.headers
  if (origin !== undefined && mayAsk(origin)) return
  if (isFromOtherSite(incoming)) throw new Refusal('cross_site')
}

/** Another origin of the same site (a page on another port, say) is another site here. */
export function isFromOtherSite(incoming: IncomingMessage): boolean {
  const { 'sec-fetch-site': site, origin } = incoming.headers
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  if (origin === undefined) return false
  // Browsers say nothing more to servers without TLS that are not on their own machine, and old ones never do.
  const told = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]
  const [theirs, ours] = [told, hostHeader(incoming)].map((text) => readHostName(text ?? ''))
  return !theirs || !ours || theirs.name !== ours.name || theirs.port !== ours.port
}
