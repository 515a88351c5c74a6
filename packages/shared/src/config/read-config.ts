import type { ZodError } from 'zod'
import { ConfigError } from './config-error.ts'
import { textOf } from './former-names.ts'
import type { Setting } from './settings/setting.ts'
import { settings } from './settings.ts'

type Settings = Record<string, Setting<unknown>>

/** The values of some settings, by the names that the code uses for them. */
export type Config<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends { schema: { _output: infer T } } ? T : never
}

/**
 * Reads the wanted settings from the environment. An empty variable counts as one that is not set.
 *
 * @throws {ConfigError} naming every bad value, and every SLUICE_* variable that no application knows
 */
export function readConfig<S extends Settings>(wanted: S, env: NodeJS.ProcessEnv): Config<S> {
  const problems = unknownNames(env)
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(wanted)) {
    const read = readSetting(setting, env)
    if ('problem' in read) problems.push(read.problem)
    else values[key] = read.value
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return values as Config<S>
}

function readSetting(setting: Setting<unknown>, env: NodeJS.ProcessEnv): { value: unknown } | { problem: string } {
  const found = textOf(setting, env)
  if (typeof found === 'object') return found
  const text = found ?? setting.fallback
  const parsed = text === undefined ? undefined : setting.schema.safeParse(text)
  if (parsed?.success) return { value: parsed.data }
  return { problem: `${setting.name} takes ${setting.takes}, not ${quote(text)}${whyNot(parsed?.error)}.` }
}

function unknownNames(env: NodeJS.ProcessEnv): string[] {
  const all: readonly Setting<unknown>[] = Object.values(settings)
  const known = new Set<string | undefined>(all.flatMap(({ name, formerly }) => [name, formerly]))
  return Object.keys(env)
    .filter((name) => name.startsWith('SLUICE_') && !known.has(name))
    .map((name) => `${name} is not a setting of Sluice. docs/reference/settings.md lists them all.`)
}

/** If a part of a long value is wrong, what the schema says of it. */
function whyNot(error: ZodError | undefined): string {
  const told = error?.issues.find((issue) => issue.code === 'custom' && issue.params?.['tellsWhy'] === true)
  return told ? ` (${told.message})` : ''
}

function quote(text: string | undefined): string {
  return text === undefined ? 'nothing' : JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
