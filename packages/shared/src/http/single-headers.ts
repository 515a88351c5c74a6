import type { IncomingMessage } from 'node:http'
import { hostHeader, readHostName } from '../network/host-name.ts'
import { Refusal } from '../refusal/refusal.ts'

/**
 * Headers that decide something and of which there is one. Node takes the first, or joins them, and a proxy before it may
 * take the last: two of them could mean one thing there and another here (RFC 9110 section 5.3). Lists (`X-Forwarded-For`,
 * `Forwarded`, `Accept`, `tracestate`) may come in several lines; a second `traceparent` makes both void (W3C), and a second
 * `Content-Length` is refused by the parser.
 */
const single: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-type',
  'expect',
  'git-protocol',
  'host',
  'origin',
  'proxy-authorization',
  // Between gateway and host.
  'sluice-may-create',
  'sluice-secret',
  'sluice-source',
  'sluice-user',
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

/** HTTP/2 has `:authority` and may have `Host`; in HTTP/1.1 a proxy's form of the address has a host, too. */
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
