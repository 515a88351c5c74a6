import { tryListening } from '@sluice/shared/listen'
import { silentLog } from '@sluice/shared/log'
import type { StartCheck } from '@sluice/shared/start-checks'
import { openAccessOf } from './access/open.ts'
import type { GatewayConfig } from './config.ts'
import { connectHost } from './host-connection.ts'
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
