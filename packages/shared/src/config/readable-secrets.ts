import { stat } from 'node:fs/promises'
import { shownValue } from './shown-value.ts'
import { settings } from './settings.ts'
import type { Setting } from './setting/setting.ts'
import type { SettingsFile } from './settings-file.ts'

/** Warns where a settings file has a password in it, and every user of the machine may read it. */
export async function warnOfReadableSecrets(
  file: SettingsFile | undefined,
  log: { warn(message: string): void },
): Promise<void> {
  if (file === undefined || !hasSecret(file)) return
  const mode = (await stat(file.path).catch(() => undefined))?.mode ?? 0
  if ((mode & 0o004) === 0) return
  log.warn(`Every user of this machine may read ${file.path}, which has a password in it: chmod o= ${file.path}`)
}

function hasSecret({ entries }: SettingsFile): boolean {
  return Object.values<Setting<unknown>>(settings).some((setting) => {
    const text = entries.get(setting.name)?.text
    return text !== undefined && shownValue(setting, text) !== text
  })
}
