import { stringify } from 'yaml'
import { placeOf } from '@sluice/shared/config/setting-names'
import { settingGroups } from '@sluice/shared/config/settings'
import type { SettingGroup } from '@sluice/shared/config/settings'
import type { Setting } from '@sluice/shared/config/setting/setting'

const columns = 100

/**
 * A settings file with everything in it, each setting commented out with its default and what it is for.
 *
 * @param schema the path or address of the schema, for editors
 */
export function exampleYaml(schema: string): string {
  const groups = settingGroups.flatMap((group) => {
    const own = settingsOf(group).filter(({ onlyInEnvironment }) => !onlyInEnvironment)
    if (own.length === 0) return []
    const lines = own.flatMap((setting) => [
      ...commentFor(setting).map((line) => `  ${line}`),
      `  # ${placeOf(setting).key}: ${yamlText(exampleOf(setting))}`,
      '',
    ])
    return [...comment(`${group.title}. ${group.about}`), `${group.key}:`, ...lines]
  })
  return ended([
    `# yaml-language-server: $schema=${schema}`,
    '#',
    '# Settings of Sluice: SLUICE_CONFIG or --config names this file, and variables of the environment win over it. Each',
    '# setting is here with its default. To set one, remove the "# " in front of it.',
    '',
    ...groups,
  ])
}

/** A file of environment variables with everything in it, in the same manner. */
export function exampleEnv(): string {
  const groups = settingGroups.flatMap((group) => {
    const lines = settingsOf(group).flatMap((setting) => [
      ...commentFor(setting),
      `# ${setting.name}=${exampleOf(setting)}`,
      '',
    ])
    return [`##### ${group.title}`, ...comment(group.about), '', ...lines]
  })
  return ended([
    '# Settings of Sluice, as variables: for EnvironmentFile= of systemd, "docker run --env-file", or env_file of Compose.',
    '# Each is here with its default. To set one, remove the "# " in front of it.',
    '',
    ...groups,
  ])
}

function settingsOf(group: SettingGroup): Setting<unknown>[] {
  return Object.values(group.settings)
}

function exampleOf({ example, fallback }: Setting<unknown>): string {
  return example ?? fallback ?? ''
}

/** Without a schema, everything is a string, and only what must be quoted is. */
function yamlText(text: string): string {
  return stringify(text, { schema: 'failsafe', lineWidth: 0 }).trimEnd()
}

function commentFor({ purpose, takes, apps, fallbackRule }: Setting<unknown>): string[] {
  const rule = fallbackRule === undefined ? '' : ` Default: ${plain(fallbackRule)}.`
  return [...comment(purpose), ...comment(`Takes ${takes}.${rule} Read by: ${apps.join(', ')}.`)]
}

/** Lines of a comment that are not too long. */
function comment(text: string): string[] {
  const lines: string[] = []
  for (const word of plain(text).split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(`# ${word}`)
  }
  return lines
}

/** Without the marks of a page. */
function plain(text: string): string {
  return text.replaceAll('`', '')
}

function ended(lines: readonly string[]): string {
  return `${lines.join('\n').trimEnd()}\n`
}
