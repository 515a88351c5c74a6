import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * What Sluice sets for git stands in files that git reads where it would read a user's configuration (GIT_CONFIG_GLOBAL):
 * a repository's own configuration comes after it and wins. A command line (-c) would win over the repository's.
 */

/** A variable with its value: `['receive.fsck.badTimezone', 'ignore']`. */
export type ConfigSetting = readonly [name: string, value: string]

export type ConfigFiles = {
  /** For git commands of the supervisor's own, for a push's advertisement, and for what hooks run. */
  readonly plain: string
  /** For fetches. */
  readonly fetch: string
  /** For fetches that are offered partial clones where the repository says nothing of them. */
  readonly filteringFetch: string
}

/** The root belongs to the operator, whoever owns the files in it. git takes this from no repository. */
export const trustRoot: ConfigSetting = ['safe.directory', '*']

/** Writes the files that are the same for all requests. */
export async function writeConfigFiles(
  folder: string,
  { packThreads, packWindowMemory }: { readonly packThreads: number; readonly packWindowMemory: number },
): Promise<ConfigFiles> {
  const fetch: ConfigSetting[] = [
    trustRoot,
    ['pack.threads', String(packThreads)],
    ['pack.windowMemory', String(packWindowMemory)],
  ]
  await mkdir(folder, { recursive: true })
  const write = async (name: string, settings: readonly ConfigSetting[]) => {
    await writeFile(join(folder, name), configText(settings))
    return join(folder, name)
  }
  return {
    plain: await write('plain', [trustRoot]),
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
