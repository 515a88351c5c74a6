import { readConfig } from '@sluice/shared/config/read-config'
import { settingsOf } from '@sluice/shared/config/settings'
import type { SettingsFile } from '@sluice/shared/config/settings-file'

export type GatewayConfig = ReturnType<typeof readGatewayConfig>

/** @throws {ConfigError} with everything that is wrong */
export function readGatewayConfig(env: NodeJS.ProcessEnv, file?: SettingsFile) {
  return readConfig(settingsOf('gateway'), env, file)
}
