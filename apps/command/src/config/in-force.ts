import { readConfig } from '@sluice/shared/config/read-config'
import { ConfigError } from '@sluice/shared/config/config-error'
import { shownValue } from '@sluice/shared/config/shown-value'
import { keyOf } from '@sluice/shared/config/setting-names'
import { sourceOf } from '@sluice/shared/config/setting-source'
import type { Source } from '@sluice/shared/config/setting-source'
import { settingGroups, settings } from '@sluice/shared/config/settings'
import type { App, Setting } from '@sluice/shared/config/setting/setting'
import type { SettingsFile } from '@sluice/shared/config/settings-file'

/** A setting as it is now. The names are those of the document that `sluice config --json` prints. */
export type InForce = {
  readonly name: string
  readonly group: string
  /** In a settings file. */
  readonly key: string
  /** As it is written, without secrets. Null where it has none. */
  readonly value: string | null
  readonly default: string | null
  readonly isChanged: boolean
  readonly from: Source['kind']
  /** The variable or the file that it is from. */
  readonly variable: string | null
  readonly file: string | null
  readonly line: number | null
  readonly readBy: readonly App[]
}

/** All settings, and all that is wrong with them. */
export type Settings = {
  readonly file: string | null
  readonly settings: readonly InForce[]
  readonly problems: readonly string[]
}

export function settingsInForce(env: NodeJS.ProcessEnv, file: SettingsFile | undefined): Settings {
  const all = settingGroups.flatMap(({ key, settings: own }) =>
    Object.values<Setting<unknown>>(own).map((setting) => inForce(setting, key, env, file)),
  )
  return { file: file?.path ?? null, settings: all, problems: problemsOf(env, file) }
}

function inForce(
  setting: Setting<unknown>,
  group: string,
  env: NodeJS.ProcessEnv,
  file: SettingsFile | undefined,
): InForce {
  const { name, apps, fallback = null } = setting
  const found = sourceOf(setting, env, file)
  const { text, source } = 'problem' in found ? { text: env[name], source: inEnvironment(name) } : found
  return {
    name,
    group,
    key: keyOf(name),
    value: text === undefined ? null : shownValue(setting, text),
    default: fallback,
    isChanged: (text ?? null) !== fallback,
    from: source.kind,
    variable: source.kind === 'environment' ? source.variable : null,
    file: source.kind === 'file' ? source.path : null,
    line: source.kind === 'file' ? source.entry.line : null,
    readBy: apps,
  }
}

/** Both names of a setting are set. The problem says so. */
function inEnvironment(variable: string): Source {
  return { kind: 'environment', variable }
}

function problemsOf(env: NodeJS.ProcessEnv, file: SettingsFile | undefined): readonly string[] {
  try {
    readConfig(settings, env, file)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
