import { settings } from '@sluice/shared/config/settings'
import type { Setting } from '@sluice/shared/config/settings/setting'

/** The table of all settings for the README, in Markdown. */
export function configurationTable(): string {
  const rows = Object.values(settings).map((setting: Setting<unknown>) => {
    const { name, apps, takes, purpose } = setting
    return `| \`${name}\` | ${apps.join(', ')} | ${takes} | ${defaultOf(setting)} | ${purpose} |`
  })
  return ['| variable | read by | takes | default | what for |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')
}

function defaultOf({ fallback, fallbackRule }: Setting<unknown>): string {
  return fallbackRule ?? (fallback === undefined ? '–' : `\`${fallback}\``)
}
