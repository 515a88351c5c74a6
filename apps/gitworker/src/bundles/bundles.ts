import { Refusal } from '@sluice/shared/refusal/refusal'
import type { VisibleCommits } from '../archive/visible-commits.ts'
import type { ConfigSetting } from '../git/config-file.ts'
import type { ProtocolV2Request } from '../git/protocol-v2.ts'
import { RepositoryConfig } from '../git/repository-config.ts'
import type { JobOwner } from '../process/job/job.ts'
import { hasBundle } from './bundle-file.ts'
import type { BundleFile } from './bundle-file.ts'
import type { CloneCounts } from './clone-counts.ts'

export type BundleServices = {
  readonly commits: VisibleCommits
  readonly clones: CloneCounts
}

/**
 * Which repositories have a bundle that clients may have (gitprotocol-v2(5), "bundle-uri").
 *
 * The command is offered wherever there is a bundle. Whether clients may have it is asked when they ask for its address, and
 * again when they ask for the bundle itself: as long as a reference that they see leads to its commit, they could fetch all
 * that is in it. After a rewritten history that is not so any more, whether or not maintenance has come to remove it.
 */
export class Bundles {
  readonly #services: BundleServices

  constructor(services: BundleServices) {
    this.#services = services
  }

  /** Whether clients of this repository are told of the command. */
  isOffered(gitDir: string): boolean {
    return hasBundle(gitDir) && mayHaveBundle(gitDir)
  }

  /** Whether clients see the commit, if that is known without git. */
  isKnownToBeVisible(gitDir: string, { id }: BundleFile): boolean | undefined {
    return orMissing(() => this.#services.commits.lookUp(gitDir, id) === id || undefined)
  }

  /** Asks git, if it has to be asked. */
  async isVisible(gitDir: string, bundle: BundleFile, owner: JobOwner): Promise<boolean> {
    const known = this.isKnownToBeVisible(gitDir, bundle)
    if (known !== undefined) return known
    try {
      return (await this.#services.commits.find(gitDir, bundle.id, owner)) === bundle.id
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  /** A fetch, or a download of a bundle, is over. @returns whether maintenance should look */
  count(gitDir: string): boolean {
    return this.#services.clones.add(gitDir)
  }
}

/**
 * Whether Sluice makes and offers bundles of this repository: not where its own configuration offers some, or where objects
 * may be elsewhere.
 */
export function mayHaveBundle(gitDir: string): boolean {
  const config = RepositoryConfig.read(gitDir)
  return config !== undefined && !config.mentions(/bundle|promisor|partialclone/i)
}

/**
 * Whether a fetch gets all of a repository: the client has nothing of it, and wants no part only.
 *
 * @param asked undefined where the request is too long to be parsed: it names more than a thousand objects
 */
export function isWholeClone(asked: ProtocolV2Request | undefined): boolean {
  return asked === undefined || !asked.args.some((line) => /^(?:have|shallow|deepen|filter)/.test(line))
}

/**
 * git's settings for the requests that are about bundles: git-config(1), `bundle.*`. The address is relative to that of the
 * repository, so it has the client's own host, and the log-in that git has for it.
 *
 * @param id of the bundle; undefined where the client is to learn only that there is the command
 */
export function bundleSettings(id: string | undefined): ConfigSetting[] {
  const offer: ConfigSetting = ['uploadpack.advertiseBundleURIs', 'true']
  if (id === undefined) return [offer]
  return [offer, ['bundle.version', '1'], ['bundle.mode', 'all'], ['bundle.default.uri', `bundles/${id}.bundle`]]
}

function orMissing(look: () => boolean | undefined): boolean | undefined {
  try {
    return look()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Refusal && error.reason === 'archive_missing'
}
