import type { Logger } from '@sluice/shared/telemetry/log'
import { VisibleCommits } from '../../../archive/visible-commits.ts'
import { Bundles } from '../../../bundles/bundles.ts'
import { CloneCounts } from '../../../bundles/clone-counts.ts'
import type { SupervisorConfig } from '../../../config/config.ts'
import { isGitAtLeast } from '../../../git/git-version.ts'
import type { Caches } from '../caches.ts'
import type { Workers } from '../workers.ts'

export type BundleParts = {
  readonly config: SupervisorConfig
  readonly workers: Workers
  /** Undefined where references are not cached. */
  readonly answers: Caches['answers']
  readonly log: Logger
}

export type BundleWorkParts = {
  readonly bundles: Bundles
  readonly commits: VisibleCommits
  readonly clones: CloneCounts
}

/** Opens what tells which repositories have a bundle for their clients. Undefined where there are none. */
export function openBundles({ config, workers, answers, log }: BundleParts): BundleWorkParts | undefined {
  const { gitVersion, git, runJob } = workers
  if (config.bundleClones === undefined) return undefined
  if (!isGitAtLeast(gitVersion, 2, 40)) {
    log.warn({ git: gitVersion }, 'SLUICE_BUNDLE_CLONES: bundles are not offered: git 2.40 or newer could do it')
    return undefined
  }
  const build = `${gitVersion} ${JSON.stringify(git)}`
  const commits = new VisibleCommits({ runJob, answers, build, knowsHidden: true })
  const clones = new CloneCounts(config.bundleClones)
  return { bundles: new Bundles({ commits, clones }), commits, clones }
}
