import type { IncomingMessage } from 'node:http'
import { singleRequestHeaders } from '../host-protocol/headers.ts'
import { hostHeader, readHostName } from '../network/host-name.ts'
import { Refusal } from '../refusal/refusal.ts'

/**
 * Headers that decide something and may come only once. Of two, Node takes the first or joins them, and a proxy in
 * front may take the last. The request could then mean one thing there and another here (RFC 9110 section 5.3). Not in
 * the list are headers whose value is a list (`X-Forwarded-For`, `Forwarded`, `Accept`, `tracestate`), because they may
 * come in several lines; `traceparent`, because two of them are ignored (W3C); and `Content-Length`, because the parser
 * refuses a second one.
 */
const single = new Set<string>([
  'authorization',
  'content-encoding',
  'content-type',
  'expect',
  'git-protocol',
  'host',
  'origin',
  'proxy-authorization',
  ...singleRequestHeaders,
])

/**
 * @throws {Refusal} `repeated_header` where a header that decides something is there twice, even with the same value;
 *   `two_hosts` where the request names two different hosts
 */
export function checkSingleHeaders(incoming: IncomingMessage): void {
  const { rawHeaders } = incoming
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    if (!single.has(name) && !name.startsWith('sec-fetch-')) continue
    if (seen.has(name)) {
      throw new Refusal('repeated_header', { sentence: `The request has more than one ${name} header: send one.` })
    }
    seen.add(name)
  }
  checkOneHost(incoming)
}

/** HTTP/2 has `:authority` and may have `Host` as well; in HTTP/1.1, an absolute address (`GET http://…`) names a host, too. */
function checkOneHost(incoming: IncomingMessage): void {
  const { headers, url = '' } = incoming
  const told = hostHeader(incoming)
  const inAddress = /^https?:\/\/([^/?]*)/i.exec(url)?.[1]
  for (const other of [headers.host, inAddress]) {
    if (told === undefined || other === undefined || other === told) continue
    const [one, two] = [readHostName(told), readHostName(other)]
    if (!one || !two || one.name !== two.name || one.port !== two.port) throw new Refusal('two_hosts')
  }
}
