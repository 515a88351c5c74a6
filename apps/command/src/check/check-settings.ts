import { warnOfFormerNames } from '@sluice/shared/config/former-names'
import { readConfig } from '@sluice/shared/config/read-config'
import { warnOfReadableSecrets } from '@sluice/shared/config/readable-secrets'
import type { Setting } from '@sluice/shared/config/setting/setting'
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
  const warnings: Finding[] = []
  const log = { warn: (message: string) => void warnings.push(warning('settings', message)) }
  warnOfFormerNames(wanted, env, file, log)
  await warnOfReadableSecrets(file, log)
  const from = file === undefined ? 'from the environment' : `from ${file.path} and the environment`
  return { config, findings: [ok('settings', `They are valid (${from}).`), ...warnings] }
}
