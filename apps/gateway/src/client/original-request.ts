import type { IncomingMessage } from 'node:http'
import { hostHeader, readHostName } from '@sluice/shared/network/host-name'
import type { HostName } from '@sluice/shared/network/host-name'
import { plainAddress } from '@sluice/shared/admission/client-key'
import type { ProxyTrust } from './client-address.ts'

/** What stands before the path in the address that a client used. */
export type Origin = { readonly scheme: 'http' | 'https'; readonly host: string }

export type OriginOptions = {
  readonly trust: ProxyTrust
  /** The address under which clients know this remote, if the operator has set it. It wins over what a client writes. */
  readonly publicUrl: URL | undefined
}

/**
 * The origin that a request was sent to. The scheme is the connection's, or a trusted proxy's word on its own connection.
 * The host is what the client has written, and proves nothing. Only an address that the operator has set is certain.
 */
export function originOf(incoming: IncomingMessage, { trust, publicUrl }: OriginOptions): Origin {
  if (publicUrl) return { scheme: publicUrl.protocol === 'https:' ? 'https' : 'http', host: publicUrl.host }
  const isEncrypted = 'encrypted' in incoming.socket && incoming.socket.encrypted === true
  const scheme = schemeFromProxy(incoming, trust) ?? (isEncrypted ? 'https' : 'http')
  return { scheme, host: writtenHost(incoming) }
}

/**
 * The host as the client knows it. Behind a trusted proxy, it is the one that the proxy names. Use it only in replies
 * to the client itself. Rules must not depend on it, because many proxies pass on what a client has written there.
 */
export function shownHost(incoming: IncomingMessage, trust: ProxyTrust): string {
  const host = readHostName(toldByProxy(incoming, trust, 'host') ?? '')
  return host ? formatHost(host) : writtenHost(incoming)
}

function writtenHost(incoming: IncomingMessage): string {
  const host = readHostName(hostHeader(incoming) ?? '')
  return host ? formatHost(host) : localHost(incoming)
}

function schemeFromProxy(incoming: IncomingMessage, trust: ProxyTrust): 'http' | 'https' | undefined {
  const told = toldByProxy(incoming, trust, 'proto')?.toLowerCase()
  return told === 'http' || told === 'https' ? told : undefined
}

function toldByProxy({ socket, headers }: IncomingMessage, trust: ProxyTrust, what: 'proto' | 'host') {
  const peer = socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress)
  if (!trust.trustedProxies.has(peer)) return undefined
  // The nearest proxy has written the last one. Those before it may be the client's own.
  const last = (name: string) => [headers[name] ?? []].flat().join(',').split(',').at(-1)?.trim()
  return trust.forwardedHeader === 'forwarded'
    ? new RegExp(`(?:^|;)\\s*${what}="?([^\\s;"]+)"?\\s*(?:;|$)`, 'i').exec(last('forwarded') ?? '')?.[1]
    : last(`x-forwarded-${what}`) || undefined
}

function formatHost({ name, port }: HostName): string {
  return `${name.includes(':') ? `[${name}]` : name}${port === undefined ? '' : `:${port}`}`
}

/** For HTTP/1.0, where a request need not name a host. */
function localHost({ socket }: IncomingMessage): string {
  const { localAddress, localPort } = socket
  if (localAddress === undefined) return 'localhost'
  return formatHost({ name: plainAddress(localAddress), port: String(localPort) })
}
