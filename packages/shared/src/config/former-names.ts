import type { Setting } from './settings/setting.ts'

/** A setting that was renamed keeps its former name for one version. */

/**
 * The text that the environment has for a setting, under either name. An empty variable counts as not set.
 *
 * @returns undefined if neither is set; a problem if they have different values
 */
export function textOf({ name, formerly }: Setting<unknown>, env: NodeJS.ProcessEnv): string | undefined | Conflict {
  const text = env[name] || undefined
  const formerText = (formerly && env[formerly]) || undefined
  if (text !== undefined && formerText !== undefined && text !== formerText) {
    return { problem: `${name} and ${formerly} are the same setting, and have different values. Set ${name} only.` }
  }
  return text ?? formerText
}

export type Conflict = { readonly problem: string }

/** Warns of each former name that is in use, and says the new one. */
export function warnOfFormerNames(
  wanted: Readonly<Record<string, Setting<unknown>>>,
  env: NodeJS.ProcessEnv,
  log: { warn(message: string): void },
): void {
  for (const { name, formerly } of Object.values(wanted)) {
    if (formerly && env[formerly])
      log.warn(`${formerly} is now called ${name}. The next version will not know the old name.`)
  }
}
