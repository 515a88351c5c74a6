import { readHostName } from '@sluice/shared/network/host-name'
import type { SiteOptions } from '@sluice/shared/http/other-sites'
import { isLoopback } from '@sluice/shared/network/loopback'
import type { GatewayConfig } from '../config/config.ts'
import { mayUse } from '../client/cross-origin.ts'

type SiteConfig = Pick<GatewayConfig, 'access' | 'corsOrigins' | 'hostNames' | 'listen' | 'publicUrl'>

/**
 * The host names by which clients may address this gateway, and the origins whose pages may use it. If everyone on this
 * machine may do everything, a page in a browser on it could do so, too, through a name of its own that leads here (DNS
 * rebinding). In that mode, only configured names are accepted.
 */
export function sitesOf({ access, corsOrigins, hostNames, listen, publicUrl }: SiteConfig): SiteOptions {
  const isThisMachines = access === 'open' && listen.kind === 'tcp' && isLoopback(listen.host)
  const isAny = hostNames === 'any' || (hostNames === 'auto' && !isThisMachines)
  const own = [publicUrl?.host, listen.kind === 'tcp' ? bracketed(listen.host) : undefined]
  const ownNames = new Set(own.map((text) => readHostName(text ?? '')?.name).filter((name) => name !== undefined))
  const hasName = (name: string) => ownNames.has(name) || (typeof hostNames === 'object' && hostNames.has(name))
  return {
    hostNames: isAny ? 'any' : { has: hasName },
    hint: ', or add the name to SLUICE_HOST_NAMES',
    mayAsk: (origin) => origin === publicUrl?.origin || mayUse(corsOrigins, origin),
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
