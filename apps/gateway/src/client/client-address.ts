import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Networks } from '@sluice/shared/network/networks'
import { plainAddress } from '@sluice/shared/admission/client-key'

export type ProxyTrust = {
  readonly trustedProxies: Networks
  /** The one header that is read; the other one may have been written by the client itself. */
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded'
}

/** What stands for an address where there is none: the other end of a unix socket. */
export const localClient = 'local'

/**
 * The address of the client that a request comes from. A proxy that is trusted tells whom it has it from; that one may be
 * a trusted proxy again. The first address from behind that is not trusted is the client's: whatever stands before it in
 * the header, the client itself may have written.
 */
export function clientAddress({ socket, headers }: IncomingMessage, trust: ProxyTrust): string {
  const peer = socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress)
  let client = peer
  if (!trust.trustedProxies.has(peer)) return client ?? localClient
  for (const hop of hopsOf(headers[trust.forwardedHeader], trust.forwardedHeader).toReversed()) {
    // Not an address: `unknown`, a name, or nonsense. What is known is who said so.
    if (hop === undefined) break
    client = hop
    if (!trust.trustedProxies.has(hop)) break
  }
  return client ?? localClient
}

/** The addresses in a header, nearest hop last; undefined for what is none. */
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
