import type { Setting } from './settings/setting.ts'

/** For a version, a setting that has a new name also goes by its old one. */

/**
 * The text that the environment has for a setting, under either of its names. An empty variable counts as one that is
 * not set.
 *
 * @returns undefined where neither is set; a problem where they say different things
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

/** Says in the log which old names are in use, and what the new ones are. */
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
