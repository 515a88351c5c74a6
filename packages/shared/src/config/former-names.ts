import type { Setting } from './setting/setting.ts'
import { dotted, placeOf } from './setting-names.ts'
import { nowCalled } from './setting-source.ts'
import type { SettingsFile } from './settings-file.ts'

/** Says in the log which old names of settings and values are in use, and what the new ones are. */
export function warnOfFormerNames(
  wanted: Readonly<Record<string, Setting<unknown>>>,
  env: NodeJS.ProcessEnv,
  file: SettingsFile | undefined,
  log: { warn(message: string): void },
): void {
  for (const setting of Object.values(wanted)) {
    for (const { was, is } of [...inEnvironment(setting, env), ...inFile(setting, file)])
      log.warn(`${was} is now called ${is}. The next version will not know the old name.`)
  }
}

type Renamed = { readonly was: string; readonly is: string }

function inEnvironment(setting: Setting<unknown>, env: NodeJS.ProcessEnv): Renamed[] {
  const { name, formerly } = setting
  const value = env[name]
  return [
    ...(formerly && env[formerly] ? [{ was: formerly, is: name }] : []),
    ...(value
      ? renamedValue(setting, value).map(({ was, is }) => ({ was: `${name}=${was}`, is: `${name}=${is}` }))
      : []),
  ]
}

function inFile(setting: Setting<unknown>, file: SettingsFile | undefined): Renamed[] {
  const entry = file?.entries.get(setting.name)
  if (!entry) return []
  const where = `${file!.path}:${entry.line}: `
  const now = dotted(placeOf(setting))
  return [
    ...(entry.key === now ? [] : [{ was: where + entry.key, is: now }]),
    ...renamedValue(setting, entry.text).map(({ was, is }) => ({ was: `${where}${now}: ${was}`, is: `${now}: ${is}` })),
  ]
}

function renamedValue(setting: Setting<unknown>, was: string): Renamed[] {
  const is = nowCalled(setting, was)
  return is === was ? [] : [{ was, is }]
}
