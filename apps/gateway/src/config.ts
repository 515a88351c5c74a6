import { readConfig } from '@sluice/shared/config'
import { settings } from '@sluice/shared/settings'

export type GatewayConfig = ReturnType<typeof readGatewayConfig>

/** @throws {ConfigError} with everything that is wrong */
export function readGatewayConfig(env: NodeJS.ProcessEnv) {
  const { listen, supervisor, idleTimeout, drainTimeout, logLevel, logFormat } = settings
  return readConfig({ listen, supervisor, idleTimeout, drainTimeout, logLevel, logFormat }, env)
}
