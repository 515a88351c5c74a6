import { settingGroups } from '@sluice/shared/config/settings'
import type { SettingGroup } from '@sluice/shared/config/settings'
import type { Setting } from '@sluice/shared/config/settings/setting'
import { reference, table } from './markdown.ts'

/** `docs/reference/settings.md`: all settings, by subject. */
export function settingsReference(): string {
  return reference('Settings', 'packages/shared/src/config/settings/', [
    'Settings are environment variables. An empty variable counts as not set. If a value is not valid, or a `SLUICE_` name is not listed here, the application does not start, and a message lists every problem.',
    ...settingGroups.flatMap(sectionOf),
  ])
}

function sectionOf({ title, about, settings }: SettingGroup): string[] {
  const rows = Object.values(settings).map((setting) => [
    `\`${setting.name}\``,
    setting.apps.join(', '),
    setting.takes,
    defaultOf(setting),
    purposeOf(setting),
  ])
  return [`## ${title}`, about, table(['variable', 'read by', 'takes', 'default', 'what it is for'], rows)]
}

function defaultOf({ fallback, fallbackRule }: Setting<unknown>): string {
  return fallbackRule ?? (fallback === undefined ? '–' : `\`${fallback}\``)
}

function purposeOf({ purpose, formerly }: Setting<unknown>): string {
  return formerly === undefined ? purpose : `${purpose} (Its former name, \`${formerly}\`, works for one more version.)`
}
