import { readSettingsText, settingsFilePath } from './settings-file.ts'

/**
 * The runtime directory, for a start that has not read its settings yet. What is wrong with the settings file is not
 * told here: whoever reads the settings does.
 */
export async function earlyRunFolder(env: NodeJS.ProcessEnv): Promise<string> {
  return env['SLUICE_RUN_FOLDER'] || (await inFile(settingsFilePath(env))) || '/run/sluice'
}

async function inFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  const { parse } = await import('yaml')
  try {
    const found: unknown = parse(await readSettingsText(path), { schema: 'failsafe' })?.repositories?.run_folder
    return typeof found === 'string' ? found : undefined
  } catch {
    return undefined
  }
}
