import { isIP } from 'node:net'
import { formatAddress } from '@sluice/shared/network/address'
import { ConfigError } from '@sluice/shared/config/config-error'
import type { GatewayConfig } from '../../config/config.ts'
import type { Authority, Grant } from '../authority.ts'

/** What an operator has to say to let a network in: nobody writes it by accident. */
export const openToNetworkWords = 'everyone on this network may read and push'

const everything: Grant = { user: undefined, rights: 'write', mayCreate: true }

/**
 * Everyone reads and pushes.
 *
 * @throws {ConfigError} where others than this machine can connect, and the operator has not said that this is meant
 */
export function openAccess({ listen, openToNetwork }: Pick<GatewayConfig, 'listen' | 'openToNetwork'>): Authority {
  if (listen.kind === 'tcp' && !isLoopback(listen.host) && !openToNetwork) {
    throw new ConfigError([
      `SLUICE_ACCESS=open lets everyone who reaches ${formatAddress(listen)} read and push. Choose file, jwt or forward; or, if that is meant, set SLUICE_OPEN_TO_NETWORK='${openToNetworkWords}'.`,
    ])
  }
  return {
    asksForLogin: false,
    isTrusted: () => true,
    decide: async () => everything,
    [Symbol.asyncDispose]: async () => {},
  }
}

export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host === 'localhost'
}
