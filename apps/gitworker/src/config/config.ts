import { readConfig } from '@sluice/shared/config/read-config'
import { settingsOf } from '@sluice/shared/config/settings'

export type SupervisorConfig = ReturnType<typeof readSupervisorConfig>

/** @throws {ConfigError} with everything that is wrong */
export function readSupervisorConfig(env: NodeJS.ProcessEnv) {
  return readConfig(settingsOf('supervisor'), env)
}
