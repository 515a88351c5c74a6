import { RepositoryConfig } from '../git/repository-config.ts'
import type { RunJob } from '../process/job/job.ts'
import { ConfigLookup } from '../repository/config-lookup.ts'

/** What a repository's own configuration says about maintenance. */
export type MaintenanceSwitch = {
  /** `maintenance.auto=false` turns it off, as for `git maintenance run --auto`. */
  readonly isOn: boolean
  /** `extensions.preciousObjects`: no object may ever go. */
  readonly isPrecious: boolean
}

const automatic = new ConfigLookup<{ isOn: boolean }>({
  words: /maintenance/i,
  unset: { isOn: true },
  query: ['--type=bool', '--get', 'maintenance.auto'],
  parse: (output) => ({ isOn: output.trim() !== 'false' }),
})

/** @throws {Refusal} `repository_unreadable` */
export async function readMaintenanceSwitch(gitDir: string, runJob: RunJob): Promise<MaintenanceSwitch> {
  const config = RepositoryConfig.read(gitDir)
  const { isOn } = await automatic.of(gitDir, runJob)
  // Where the text is not all that git reads, nothing is removed.
  return { isOn, isPrecious: config === undefined || config.mentions(/preciousobjects/i) }
}
