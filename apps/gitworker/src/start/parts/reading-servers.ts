import { VisibleCommits } from '../../archive/visible-commits.ts'
import type { Bundles } from '../../bundles/bundles.ts'
import { BundleDownloads } from '../../bundles/serve-bundle.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { isGitAtLeast } from '../../git/git-version.ts'
import type { Maintenance } from '../../maintenance/maintenance.ts'
import { FilterOffer } from '../../repository/filter-offer.ts'
import { PushSettings } from '../../repository/push-settings.ts'
import { ServiceSwitch } from '../../repository/service-switch.ts'
import type { GitRuns } from '../../request/git-runs.ts'
import { Readers } from '../../request/readers.ts'
import { Archives } from '../../request/serve-archive.ts'
import { Fetches } from '../../request/serve-fetch.ts'
import { References } from '../../request/serve-references.ts'
import type { Slots } from '../../request/slots.ts'
import { ReadStarter } from '../../request/start-read.ts'
import type { Caches } from './caches.ts'
import type { Workers } from './workers.ts'

export type ReadingParts = {
  readonly config: SupervisorConfig
  readonly workers: Workers
  readonly caches: Caches
  /** Undefined where there are no bundles. */
  readonly bundles: Bundles | undefined
  /** Undefined where repositories are not kept in shape. */
  readonly maintenance: Maintenance | undefined
}

/** What reads the repositories' own configurations. */
export type RepositorySettings = ReturnType<typeof repositorySettings>

export function repositorySettings({ runJob }: Workers) {
  return {
    serviceSwitch: new ServiceSwitch(),
    filterOffer: new FilterOffer(),
    pushSettings: new PushSettings(),
    runJob,
  } as const
}

/** Puts together what serves requests that read: advertisements and lists of references, fetches, archives. */
export function readingServers(
  { config, workers, caches, bundles, maintenance }: ReadingParts,
  { slots, gitRuns, settings }: { slots: Slots; gitRuns: GitRuns; settings: RepositorySettings },
) {
  const { git, gitVersion, runJob } = workers
  const { packs, answers } = caches
  const build = `${gitVersion} ${JSON.stringify(git)}`
  const starter = new ReadStarter({ slots, gitRuns, git, settings, answers, killGrace: config.killGrace })
  const readers = new Readers({ packs, slots, starter, answers })
  const onClone = (gitDir: string) => {
    if (bundles?.count(gitDir)) maintenance?.touch(gitDir, true)
  }
  const sharesPacks = config.packCache !== undefined
  return {
    references: new References({ readers, slots, bundles, answers, build }),
    fetches: new Fetches({ readers, sharesPacks, build, onClone: bundles && onClone }),
    bundles: new BundleDownloads({ bundles, settings, onClone }),
    archives: new Archives({
      readers,
      slots,
      commits: new VisibleCommits({ runJob, answers, build, knowsHidden: isGitAtLeast(gitVersion, 2, 39) }),
      settings,
      git,
      gitVersion,
      isOn: config.archives,
      sharesPacks,
    }),
  }
}
