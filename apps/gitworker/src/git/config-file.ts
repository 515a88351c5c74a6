import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * Sluice's settings for git are in files that git reads in place of a user's configuration (GIT_CONFIG_GLOBAL). A repository's
 * own configuration is read later and overrides them. Settings on the command line (-c) would override the repository's.
 */

/** The name and the value of a setting: `['receive.fsck.badTimezone', 'ignore']`. */
export type ConfigSetting = readonly [name: string, value: string]

export type ConfigFiles = {
  /** For advertisements of pushes, and for git commands in hooks. */
  readonly plain: string
  /** For the supervisor's own git commands. */
  readonly own: string
  /** For fetches, and for the supervisor's own commands that may work for long. */
  readonly fetch: string
  /** For fetches that are offered partial clones unless the repository's own configuration decides. */
  readonly filteringFetch: string
}

/** The operator trusts the root, whoever owns its files. git ignores this setting in a repository's own configuration. */
export const trustRoot: ConfigSetting = ['safe.directory', '*']

/**
 * By itself, git waits for packs only. These make it wait for loose objects (in one go) and for references, too, before they
 * get their names: git-config(1), `core.fsync`. Before git 2.36, they say nothing.
 */
export const onDisk: readonly ConfigSetting[] = [
  ['core.fsync', 'loose-object,reference'],
  ['core.fsyncMethod', 'batch'],
]

type PackSettings = { readonly packThreads: number; readonly packWindowMemory: number }

/** For git commands that may work for long. */
export function fetchSettings({ packThreads, packWindowMemory }: PackSettings): ConfigSetting[] {
  return [trustRoot, ['pack.threads', String(packThreads)], ['pack.windowMemory', String(packWindowMemory)]]
}

/** Writes the files, which are the same for all requests. */
export async function writeConfigFiles(
  folder: string,
  { packThreads, packWindowMemory, fsync }: PackSettings & { readonly fsync: boolean },
): Promise<ConfigFiles> {
  const durable = fsync ? onDisk : []
  const fetch = [...fetchSettings({ packThreads, packWindowMemory }), ...durable]
  await mkdir(folder, { recursive: true })
  const write = async (name: string, settings: readonly ConfigSetting[]) => {
    await writeFile(join(folder, name), configText(settings))
    return join(folder, name)
  }
  return {
    plain: await write('plain', [trustRoot]),
    own: await write('own', [trustRoot, ...durable]),
    fetch: await write('fetch', fetch),
    filteringFetch: await write('filtering-fetch', [...fetch, ['uploadpack.allowFilter', 'true']]),
  }
}

/** git-config(1), "Syntax": each variable in a section of its own, each value in quotes. */
export function configText(settings: readonly ConfigSetting[]): string {
  return settings
    .map(([name, value]) => {
      const [section, ...rest] = name.split('.')
      const key = rest.pop()
      const subsection = rest.length === 0 ? '' : ` "${rest.join('.')}"`
      const escaped = value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')
      return `[${section}${subsection}]\n\t${key} = "${escaped}"\n`
    })
    .join('')
}
