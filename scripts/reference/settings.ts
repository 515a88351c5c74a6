import { settingGroups } from '@sluice/shared/config/settings'
import type { SettingGroup } from '@sluice/shared/config/settings'
import type { Setting } from '@sluice/shared/config/setting/setting'
import { reference, table } from './markdown.ts'

/** `docs/reference/settings.md`: all settings, by subject. */
export function settingsReference(): string {
  return reference('Settings', 'packages/shared/src/config/settings/', [
    'Settings are environment variables, or in a YAML file that `SLUICE_CONFIG`, or `--config` of the command, names. The environment wins. An empty variable counts as not set. If a value is not valid, or a `SLUICE_` name is not listed here, the application does not start, and a message lists every problem.',
    'In the file, each setting stands under its group, by the name of its variable without `SLUICE_`, in lower case: `SLUICE_TLS_KEY` is `tls_key` under `tls`. What takes several values takes a list, too. `true` means on and `false` off. `deploy/sluice.example.yaml` is an example with everything in it, and `sluice config` shows what is in force and where each value is from.',
    ...settingGroups.flatMap(sectionOf),
  ])
}

function sectionOf({ key, title, about, settings }: SettingGroup): string[] {
  const rows = Object.values(settings).map((setting) => [
    `\`${setting.name}\``,
    setting.apps.join(', '),
    setting.takes,
    defaultOf(setting),
    purposeOf(setting),
  ])
  const inFile = Object.values(settings).some(({ onlyInEnvironment }) => !onlyInEnvironment)
  const where = inFile ? ` In a settings file: \`${key}\`.` : ''
  return [`## ${title}`, `${about}${where}`, table(['variable', 'read by', 'takes', 'default', 'what it is for'], rows)]
}

function defaultOf({ fallback, fallbackRule }: Setting<unknown>): string {
  return fallbackRule ?? (fallback === undefined ? '–' : `\`${fallback}\``)
}

function purposeOf({ purpose, formerly }: Setting<unknown>): string {
  return formerly === undefined ? purpose : `${purpose} (Its former name, \`${formerly}\`, works for one more version.)`
}
