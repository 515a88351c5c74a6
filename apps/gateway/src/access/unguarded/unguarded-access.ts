import { formatAddress } from '@sluice/shared/network/address'
import { isLoopback } from '@sluice/shared/network/loopback'
import { ConfigError } from '@sluice/shared/config/config-error'
import { openToNetworkWords } from '@sluice/shared/config/settings/access'
import type { GatewayConfig } from '../../config/config.ts'
import type { Authority, Grant } from '../authority.ts'

const everything: Grant = { user: undefined, rights: 'write', mayCreate: true }

/**
 * Access without log-ins (`SLUICE_ACCESS=open`): everyone reads and pushes.
 *
 * @throws {ConfigError} where other machines can connect, and the operator has not said that this is meant
 */
export function openUnguardedAccess({
  listen,
  openToNetwork,
}: Pick<GatewayConfig, 'listen' | 'openToNetwork'>): Authority {
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
