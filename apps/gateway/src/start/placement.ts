import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { checkCoordinatorSettings } from '@sluice/shared/coordinator/open/open-coordinator'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GatewayConfig } from '../config/config.ts'
import { openCluster } from '../hosts/cluster/cluster-placement.ts'
import { connectHost } from '../hosts/connect-host.ts'
import type { Placement } from '../hosts/placement.ts'
import { singleHost } from '../hosts/single-host.ts'

export type CoordinatorOpener = (config: GatewayConfig, log: Logger) => Promise<Coordinator>

/**
 * Opens the ways to the hosts: to the one of SLUICE_SUPERVISOR, or to all of a cluster.
 *
 * @throws {ConfigError} where secrets, certificates or the settings of etcd cannot be used
 */
export async function openPlacement(
  config: GatewayConfig,
  log: Logger,
  openCoordinator: CoordinatorOpener,
): Promise<Placement & AsyncDisposable> {
  checkCoordinatorSettings(config)
  await using opened = new AsyncDisposableStack()
  const placement =
    config.cluster === 'off'
      ? singleHost(opened.use(await connectHost(config, log)), config.hostWait)
      : opened.use(await openCluster(config, opened.use(await openCoordinator(config, log)), log))
  const parts = opened.move()
  return Object.assign(placement, { [Symbol.asyncDispose]: () => parts.disposeAsync() })
}
