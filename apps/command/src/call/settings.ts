import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { readConfig } from '@sluice/shared/config/read-config'
import type { Config } from '@sluice/shared/config/read-config'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import type { Setting } from '@sluice/shared/config/setting/setting'
import { environmentOf } from './reporting.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Reads the wanted settings as the applications would: from the environment, and from the settings file that `--config`
 * or SLUICE_CONFIG names.
 *
 * @throws {ConfigError} with everything that is wrong
 */
export async function readSettings<S extends Record<string, Setting<unknown>>>(
  wanted: S,
  at: Surroundings,
  command: CommandUnknownOpts,
): Promise<Config<S>> {
  const env = environmentOf(at, command)
  return readConfig(wanted, env, await readSettingsFile(env))
}
