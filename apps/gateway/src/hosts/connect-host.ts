import { ConfigError } from '@sluice/shared/config/config-error'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GatewayConfig } from '../config/config.ts'
import { openHostCredentials } from './host-credentials.ts'
import type { CredentialsConfig } from './host-credentials.ts'
import { HostConnections } from './host-connections.ts'
import { HostPresence } from './host-presence.ts'
import { takesRequests } from './host-probe.ts'
import type { Host } from './host.ts'

type HostConfig = CredentialsConfig & Pick<GatewayConfig, 'supervisor' | 'hostWait' | 'drainTimeout'>

/**
 * Opens the way to the one host: with TLS where its roots are set.
 *
 * @throws {ConfigError} where the secrets or the certificates cannot be used
 */
export async function connectHost(config: HostConfig, log: Logger): Promise<Host & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  if (config.hostTlsCa !== undefined && config.supervisor.kind === 'unix') {
    throw new ConfigError([
      'SLUICE_HOST_TLS_CA needs SLUICE_SUPERVISOR as host:port: there is no TLS on a unix socket.',
    ])
  }
  const credentials = opened.use(await openHostCredentials(config, log))
  const link = opened.use(new HostConnections(config.supervisor, credentials))
  const presence = opened.use(new HostPresence({ probe: () => takesRequests(link), downAfter: downAfter(config) }))
  const parts = opened.move()
  return { link, presence, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

/** Milliseconds. Hosts end their requests within a drain, as gateways do, and then start again. */
export function downAfter({ drainTimeout, hostWait }: Pick<GatewayConfig, 'drainTimeout' | 'hostWait'>): number {
  return drainTimeout + hostWait
}
