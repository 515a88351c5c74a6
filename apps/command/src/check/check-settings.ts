import { stat } from 'node:fs/promises'
import { warnOfFormerNames } from '@sluice/shared/config/former-names'
import { readConfig } from '@sluice/shared/config/read-config'
import { shownValue } from '@sluice/shared/config/shown-value'
import { settings } from '@sluice/shared/config/settings'
import type { Setting } from '@sluice/shared/config/settings/setting'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import type { SettingsFile } from '@sluice/shared/config/settings-file'
import { ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { problemsOf } from './findings/from-start-checks.ts'

export type Wanted = Readonly<Record<string, Setting<unknown>>>

/** The settings of the wanted applications, or what is wrong with them. */
export async function checkSettings(
  wanted: Wanted,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly config: Record<string, unknown> | undefined; readonly findings: Finding[] }> {
  let config: Record<string, unknown> | undefined
  let file: SettingsFile | undefined
  const problems = await problemsOf('settings', async () => {
    file = await readSettingsFile(env)
    config = readConfig(wanted, env, file)
  })
  if (!config) return { config, findings: problems }
  const old: Finding[] = []
  warnOfFormerNames(wanted, env, file, { warn: (message) => old.push(warning('settings', message)) })
  const from = file === undefined ? 'from the environment' : `from ${file.path} and the environment`
  return { config, findings: [ok('settings', `They are valid (${from}).`), ...old, ...(await readableSecrets(file))] }
}

/** Whether others may read a settings file that has a password in it. */
async function readableSecrets(file: SettingsFile | undefined): Promise<Finding[]> {
  if (file === undefined) return []
  const hasSecret = Object.values<Setting<unknown>>(settings).some((setting) => {
    const text = file.entries.get(setting.name)?.text
    return text !== undefined && shownValue(setting, text) !== text
  })
  const { mode } = await stat(file.path)
  if (!hasSecret || (mode & 0o004) === 0) return []
  return [
    warning(
      'settings',
      `Every user of this machine may read ${file.path}, which has a password in it.`,
      `chmod o= ${file.path}`,
    ),
  ]
}
