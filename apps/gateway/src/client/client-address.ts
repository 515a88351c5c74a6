import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Networks } from '@sluice/shared/network/networks'
import { plainAddress } from '@sluice/shared/admission/client-key'

export type ProxyTrust = {
  readonly trustedProxies: Networks
  /** The one header that is read. A client may have written the other one itself. */
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded'
}

/** Stands for the address of a client that has none: the other end of a unix socket. */
export const localClient = 'local'

/**
 * The address of the client that a request comes from. A trusted proxy says from whom it got the request, which may be a
 * trusted proxy again. Read from the end of the header, the first address that is not a trusted proxy's is the client's:
 * the client itself may have written whatever stands before it.
 */
export function clientAddress({ socket, headers }: IncomingMessage, trust: ProxyTrust): string {
  const peer = socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress)
  let client = peer
  if (!trust.trustedProxies.has(peer)) return client ?? localClient
  for (const hop of hopsOf(headers[trust.forwardedHeader], trust.forwardedHeader).toReversed()) {
    // Not an address: `unknown`, a name, or nonsense. The client is then the hop that sent it.
    if (hop === undefined) break
    client = hop
    if (!trust.trustedProxies.has(hop)) break
  }
  return client ?? localClient
}

/** The addresses in a header, the nearest hop last; undefined for a hop that is not an address. */
function hopsOf(value: string | string[] | undefined, header: ProxyTrust['forwardedHeader']): (string | undefined)[] {
  const parts = [value ?? []].flat().join(',').split(',').filter(Boolean)
  return parts.map((part) => addressIn(header === 'forwarded' ? forOf(part) : part.trim()))
}

/** RFC 7239, section 4: `for=192.0.2.43;proto=http`, `for="[2001:db8::17]:4711"`. */
function forOf(element: string): string {
  return /(?:^|;)\s*for=("?)([^";,]*)\1/i.exec(element)?.[2] ?? ''
}

/** An address that may carry a port: `192.0.2.43:47011`, `[2001:db8::17]:4711`. */
function addressIn(text: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?)$/i.exec(text) ?? []
  const address = bracketed ?? plain ?? text
  return isIP(address) === 0 ? undefined : plainAddress(address)
}
