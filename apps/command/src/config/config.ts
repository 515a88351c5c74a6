import { fileURLToPath } from 'node:url'
import { Command, Option } from '@commander-js/extra-typings'
import { ConfigError } from '@sluice/shared/config/config-error'
import { environmentOf, reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { exitCodes } from '../output/failure.ts'
import type { Report } from '../output/report.ts'

export function configCommand(at: Surroundings) {
  return new Command('config')
    .description('Show the settings that are in force, and where each is from. Secrets are hidden.')
    .option('--changed', 'Only those that differ from their default.')
    .addOption(new Option('--env', 'Print an example of a file of variables, with every setting.').conflicts('yaml'))
    .addOption(new Option('--yaml', 'Print an example of a settings file, with every setting.'))
    .action(
      reporting(at, async ({ changed, env, yaml }, command) => {
        if (env || yaml) return await exampleReport(yaml ?? false)
        return await settingsReport(environmentOf(at, command), changed ?? false)
      }),
    )
}

const schema = fileURLToPath(new URL('../../../../deploy/sluice.schema.json', import.meta.url))

async function exampleReport(isYaml: boolean): Promise<Report> {
  const { exampleEnv, exampleYaml } = await import('./examples.ts')
  const text = isYaml ? exampleYaml(schema) : exampleEnv()
  return { document: { text }, text: () => text }
}

async function settingsReport(env: NodeJS.ProcessEnv, onlyChanged: boolean): Promise<Report> {
  const { readSettingsFile } = await import('@sluice/shared/config/settings-file')
  const { settingsInForce } = await import('./in-force.ts')
  const { settingsText } = await import('./settings-text.ts')
  const file = await readSettingsFile(env)
  // Of a file that cannot be made out, nothing is in force.
  if (file && file.problems.length > 0 && file.entries.size === 0) throw new ConfigError(file.problems)
  const found = settingsInForce(env, file)
  const shown = onlyChanged ? { ...found, settings: found.settings.filter(({ isChanged }) => isChanged) } : found
  return {
    document: shown,
    text: (screen) => settingsText(shown, screen),
    exitCode: found.problems.length > 0 ? exitCodes.configuration : exitCodes.done,
  }
}
