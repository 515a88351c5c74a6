import type { Setting } from './setting/setting.ts'
import type { FileEntry, SettingsFile } from './settings-file.ts'

/** Where the text of a setting is from. */
export type Source =
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string; readonly entry: FileEntry }
  | { readonly kind: 'default' }

/** The text that is in force for a setting. Undefined where it has none and needs one. */
export type Sourced = { readonly text: string | undefined; readonly source: Source }

export type Conflict = { readonly problem: string }

/**
 * Finds the text of a setting: the environment wins over the file, and the file over the default. An empty variable
 * counts as one that is not set. A setting or value that has a new name also goes by its old one, for a version.
 *
 * @returns a problem where two names of one setting say different things
 */
export function sourceOf(
  setting: Setting<unknown>,
  env: NodeJS.ProcessEnv,
  file: SettingsFile | undefined,
): Sourced | Conflict {
  const { name, formerly } = setting
  const text = env[name] || undefined
  const formerText = (formerly && env[formerly]) || undefined
  if (text !== undefined && formerText !== undefined && text !== formerText) {
    return { problem: `${name} and ${formerly} are the same setting, and have different values. Set ${name} only.` }
  }
  if (text !== undefined) return found(setting, text, { kind: 'environment', variable: name })
  if (formerText !== undefined) return found(setting, formerText, { kind: 'environment', variable: formerly! })
  const entry = file?.entries.get(name)
  if (entry) return found(setting, entry.text, { kind: 'file', path: file!.path, entry })
  return { text: setting.fallback, source: { kind: 'default' } }
}

function found(setting: Setting<unknown>, text: string, source: Source): Sourced {
  return { text: nowCalled(setting, text), source }
}

/** What a value is called now. */
export function nowCalled({ formerValues = {} }: Setting<unknown>, text: string): string {
  return Object.hasOwn(formerValues, text) ? formerValues[text]! : text
}
