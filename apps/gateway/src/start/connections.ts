import { connectionLimit } from '@sluice/shared/connections/connection-limit'
import { Connections } from '@sluice/shared/connections/connections'
import { http2WindowBytes } from '@sluice/shared/http/http2-sessions'
import { readMachine } from '@sluice/shared/machine/machine'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GatewayConfig } from '../config/config.ts'

/** One to the client, one to the host. */
const descriptorsPerConnection = 2

/** One address may hold half of the connections, unless it is that of a proxy. */
export function limitConnections(
  { maxConnections, trustedProxies }: Pick<GatewayConfig, 'maxConnections' | 'trustedProxies'>,
  log: Logger,
): Connections {
  const { descriptors, memoryBytes } = readMachine()
  const { limit, warning } = connectionLimit(maxConnections, descriptors.limit, descriptorsPerConnection, memoryBytes)
  if (warning !== undefined) log.warn(warning)
  return new Connections({
    limit,
    perAddress: Math.ceil(limit / 2),
    streams: Math.max(1, Math.min(limit, Math.floor(memoryBytes / 8 / http2WindowBytes))),
    isProxy: (address) => trustedProxies.has(address),
    closesIdle: true,
  })
}
