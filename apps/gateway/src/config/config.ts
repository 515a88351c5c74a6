import { readConfig } from '@sluice/shared/config/read-config'
import { settingsOf } from '@sluice/shared/config/settings'

export type GatewayConfig = ReturnType<typeof readGatewayConfig>

/** @throws {ConfigError} with everything that is wrong */
export function readGatewayConfig(env: NodeJS.ProcessEnv) {
  return readConfig(settingsOf('gateway'), env)
}
