import { tryListening } from '@sluice/shared/app/listen'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import { silentLog } from '@sluice/shared/telemetry/log'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { StartCheck } from '@sluice/shared/config/start-checks'
import { startAccess } from './access.ts'
import type { GatewayConfig } from '../config/config.ts'
import { openPlacement } from './placement.ts'
import { openGatewayTls } from './server.ts'

/** Finds every problem that would keep a gateway from starting, so that the operator gets to read all of them at once. */
export function startChecksOfGateway(config: GatewayConfig): StartCheck[] {
  const { gatewayOperations, listen } = config
  return [
    ...readingChecksOfGateway(config, silentLog),
    () => tryListening(listen, 'SLUICE_LISTEN', config),
    () => gatewayOperations && tryListening(gatewayOperations, 'SLUICE_GATEWAY_OPERATIONS'),
  ]
}

/** Those that only read, and leave no trace, so that they may be run beside a gateway. @param log gets warnings */
export function readingChecksOfGateway(config: GatewayConfig, log: Logger): StartCheck[] {
  return [
    () => startAccess(config, log),
    () => openPlacement(config, log, openCoordinator),
    () => openGatewayTls(config, log, () => {}),
  ]
}
