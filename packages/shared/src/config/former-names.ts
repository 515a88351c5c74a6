import type { Setting } from './settings/setting.ts'

/** For a version, a setting or a value that has a new name also goes by its old one. */

/**
 * The text that the environment has for a setting, under either of its names. An empty variable counts as one that is
 * not set.
 *
 * @returns undefined where neither is set; a problem where they say different things
 */
export function textOf(setting: Setting<unknown>, env: NodeJS.ProcessEnv): string | undefined | Conflict {
  const { name, formerly } = setting
  const text = env[name] || undefined
  const formerText = (formerly && env[formerly]) || undefined
  if (text !== undefined && formerText !== undefined && text !== formerText) {
    return { problem: `${name} and ${formerly} are the same setting, and have different values. Set ${name} only.` }
  }
  return nowCalled(setting, text ?? formerText)
}

export type Conflict = { readonly problem: string }

function nowCalled({ formerValues = {} }: Setting<unknown>, text: string | undefined): string | undefined {
  return text !== undefined && Object.hasOwn(formerValues, text) ? formerValues[text] : text
}

/** Says in the log which old names of settings and values are in use, and what the new ones are. */
export function warnOfFormerNames(
  wanted: Readonly<Record<string, Setting<unknown>>>,
  env: NodeJS.ProcessEnv,
  log: { warn(message: string): void },
): void {
  for (const setting of Object.values(wanted)) {
    const { name, formerly } = setting
    if (formerly && env[formerly])
      log.warn(`${formerly} is now called ${name}. The next version will not know the old name.`)
    const value = env[name]
    const now = value && nowCalled(setting, value)
    if (now !== value)
      log.warn(`${name}=${value} is now called ${name}=${now}. The next version will not know the old name.`)
  }
}
