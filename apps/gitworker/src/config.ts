import { readConfig } from '@sluice/shared/config'
import { settings } from '@sluice/shared/settings'

export type SupervisorConfig = ReturnType<typeof readSupervisorConfig>

/** @throws {ConfigError} with everything that is wrong */
export function readSupervisorConfig(env: NodeJS.ProcessEnv) {
  const { listen: _, ...wanted } = settings
  return readConfig(wanted, env)
}
