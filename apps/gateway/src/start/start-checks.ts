import { tryListening } from '@sluice/shared/app/listen'
import { silentLog } from '@sluice/shared/telemetry/log'
import type { StartCheck } from '@sluice/shared/config/start-checks'
import { openAccessOf } from './open-access.ts'
import type { GatewayConfig } from '../config/config.ts'
import { connectHost } from '../hosts/host-connection.ts'
import { openGatewayTls } from './server.ts'

/** Everything of a gateway that can be known before it starts. */
export function startChecksOfGateway(config: GatewayConfig): StartCheck[] {
  const { gatewayOperations, listen } = config
  return [
    () => openAccessOf(config, silentLog),
    () => connectHost(config, silentLog),
    () => openGatewayTls(config, silentLog, () => {}),
    () => tryListening(listen, 'SLUICE_LISTEN', config),
    () => gatewayOperations && tryListening(gatewayOperations, 'SLUICE_GATEWAY_OPERATIONS'),
  ]
}
