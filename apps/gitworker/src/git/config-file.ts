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
  /** For the supervisor's own commands in a repository that is synced afterwards. */
  readonly synced: string
  /** For fetches that are offered partial clones unless the repository's own configuration decides. */
  readonly filteringFetch: string
}

/** The operator trusts the root, whoever owns its files. git ignores this setting in a repository's own configuration. */
export const trustRoot: ConfigSetting = ['safe.directory', '*']

/**
 * How git makes what it writes outlive a loss of power: git-config(1), `core.fsyncMethod`.
 *
 *   fsync          git waits for each object and each reference. That holds everywhere.
 *   writeout-only  git gives each file to the disk before it gives it its name, and waits for no more. The names, and what the
 *                  disk has in a cache of its own, must be waited for afterwards, by one fsync for all: `syncReferences`. That
 *                  holds where the file system keeps its changes in order (`keepsOrder`).
 *
 * git's own `batch` is not used: it holds on the same file systems only, and for some of the loose objects only.
 */
export type FsyncMethod = 'fsync' | 'writeout-only'

/** By itself, git waits for packs only. Before git 2.36, these settings say nothing. */
export function onDisk(method: FsyncMethod): readonly ConfigSetting[] {
  return [
    ['core.fsync', 'loose-object,reference'],
    ['core.fsyncMethod', method],
  ]
}

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
  const durable = fsync ? onDisk('fsync') : []
  const long = fetchSettings({ packThreads, packWindowMemory })
  const fetch = [...long, ...durable]
  await mkdir(folder, { recursive: true })
  const write = async (name: string, settings: readonly ConfigSetting[]) => {
    await writeFile(join(folder, name), configText(settings))
    return join(folder, name)
  }
  return {
    plain: await write('plain', [trustRoot]),
    own: await write('own', [trustRoot, ...durable]),
    fetch: await write('fetch', fetch),
    synced: await write('synced', [...long, ...(fsync ? onDisk('writeout-only') : [])]),
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
