import { basename } from 'node:path'
import { parseInteger, truthOf, valuesIn } from '../git/config-output.ts'
import type { ConfigValues } from '../git/config-output.ts'
import { RepositoryConfig } from '../git/repository-config.ts'
import type { RunJob } from '../process/job/job.ts'
import { ConfigLookup } from '../repository/config-lookup.ts'

/** What a repository's own configuration says about maintenance: git-config(1). */
export type MaintenanceSwitch = {
  /** `maintenance.auto=false` turns it off, as for `git maintenance run --auto`. */
  readonly isOn: boolean
  /** `extensions.preciousObjects`: no object may ever go. */
  readonly isPrecious: boolean
  /** `gc.packRefs`: whether references may be packed. */
  readonly packsRefs: boolean
  /** `gc.bigPackThreshold`: packs of so many bytes are left as they are. */
  readonly bigPackBytes: number | undefined
}

const names = ['maintenance.auto', 'gc.packrefs', 'gc.bigpackthreshold', 'core.bare'] as const

const settings = new ConfigLookup<ConfigValues>({
  words: /maintenance|gc/i,
  unset: new Map(),
  query: ['--null', '--get-regexp', '--end-of-options', `^(${names.join('|').replaceAll('.', '\\.')})$`],
  parse: valuesIn,
})

/** @throws {Refusal} `repository_unreadable` */
export async function readMaintenanceSwitch(gitDir: string, runJob: RunJob): Promise<MaintenanceSwitch> {
  const config = RepositoryConfig.read(gitDir)
  const own = await settings.of(gitDir, runJob)
  const auto = own.get('maintenance.auto')
  const bigPack = parseInteger(own.get('gc.bigpackthreshold') ?? '') ?? 0
  return {
    isOn: auto === undefined || truthOf(auto) !== false,
    // Where the text is not all that git reads, nothing is removed.
    isPrecious: config === undefined || config.mentions(/preciousobjects/i),
    packsRefs: packsRefs(own, gitDir),
    bigPackBytes: bigPack > 0 ? bigPack : undefined,
  }
}

/** True by default. `notbare`: only in a repository with a work tree. */
function packsRefs(own: ConfigValues, gitDir: string): boolean {
  const said = own.get('gc.packrefs')
  if (said === undefined) return true
  if (said !== 'notbare') return truthOf(said) !== false
  const bare = own.get('core.bare')
  return bare === undefined ? basename(gitDir) === '.git' : truthOf(bare) === false
}
