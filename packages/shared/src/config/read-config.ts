import type { ZodError } from 'zod'
import { ConfigError } from './config-error.ts'
import { nearest } from './nearest.ts'
import { shownValue } from './shown-value.ts'
import { sourceOf } from './setting-source.ts'
import type { Sourced } from './setting-source.ts'
import type { Setting } from './setting/setting.ts'
import type { SettingsFile } from './settings-file.ts'
import { settings } from './settings.ts'

type Settings = Record<string, Setting<unknown>>

/** The values of some settings, by the names that the code uses for them. */
export type Config<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends { schema: { _output: infer T } } ? T : never
}

/**
 * Reads the wanted settings from the environment, and from a settings file where there is one. The environment wins. An
 * empty variable counts as one that is not set.
 *
 * @throws {ConfigError} naming every bad value, every SLUICE_* variable that no application knows, and everything that
 *   is wrong with the form of the file
 */
export function readConfig<S extends Settings>(wanted: S, env: NodeJS.ProcessEnv, file?: SettingsFile): Config<S> {
  const problems = [...unknownNames(env), ...(file?.problems ?? [])]
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(wanted)) {
    const read = readSetting(setting, env, file)
    if ('problem' in read) problems.push(read.problem)
    else values[key] = read.value
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return values as Config<S>
}

function readSetting(
  setting: Setting<unknown>,
  env: NodeJS.ProcessEnv,
  file: SettingsFile | undefined,
): { value: unknown } | { problem: string } {
  const found = sourceOf(setting, env, file)
  if ('problem' in found) return found
  const { text } = found
  const parsed = text === undefined ? undefined : setting.schema.safeParse(text)
  if (parsed?.success) return { value: parsed.data }
  return {
    problem: `${nameOf(setting, found)} takes ${setting.takes}, not ${quote(setting, text)}${whyNot(parsed?.error)}.`,
  }
}

/** As whoever wrote the value knows the setting. */
function nameOf({ name }: Setting<unknown>, { source }: Sourced): string {
  return source.kind === 'file' ? `${source.path}:${source.entry.line}: ${source.entry.key}` : name
}

function unknownNames(env: NodeJS.ProcessEnv): string[] {
  const all: readonly Setting<unknown>[] = Object.values(settings)
  const known = all.flatMap(({ name, formerly }) => (formerly ? [name, formerly] : [name])) as string[]
  return Object.keys(env)
    .filter((name) => name.startsWith('SLUICE_') && !known.includes(name))
    .map((name) => {
      const near = nearest(name, known)
      const meant = near === undefined ? '' : ` Did you mean ${near}?`
      return `${name} is not a setting of Sluice.${meant} docs/reference/settings.md lists them all.`
    })
}

/** If a part of a long value is wrong, what the schema says of it. */
function whyNot(error: ZodError | undefined): string {
  const told = error?.issues
    .flatMap(withForms)
    .find((issue) => issue.code === 'custom' && issue.params?.['tellsWhy'] === true)
  return told ? ` (${told.message})` : ''
}

/** Where a value may have one of several forms: also what each of them says. */
function withForms(issue: Issue): readonly Issue[] {
  return issue.code === 'invalid_union' ? [issue, ...issue.errors.flat().flatMap(withForms)] : [issue]
}

type Issue = ZodError['issues'][number]

function quote(setting: Setting<unknown>, text: string | undefined): string {
  if (text === undefined) return 'nothing'
  const shown = shownValue(setting, text)
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown)
}
