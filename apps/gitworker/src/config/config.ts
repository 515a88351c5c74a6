import { readConfig } from '@sluice/shared/config/read-config'
import { settingsOf } from '@sluice/shared/config/settings'
import type { SettingsFile } from '@sluice/shared/config/settings-file'

export type SupervisorConfig = ReturnType<typeof readSupervisorConfig>

/** @throws {ConfigError} with everything that is wrong */
export function readSupervisorConfig(env: NodeJS.ProcessEnv, file?: SettingsFile) {
  return readConfig(settingsOf('supervisor'), env, file)
}
