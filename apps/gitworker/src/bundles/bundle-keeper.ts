import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { VisibleCommits } from '../archive/visible-commits.ts'
import type { RunJob } from '../process/job/job.ts'
import type { RunLongJob } from '../process/job/long-job.ts'
import { isRefName } from '../git/ref-name.ts'
import { bundleFolder, bundlePath, readBundle, readBundleAt } from './bundle-file.ts'
import type { BundleFile } from './bundle-file.ts'
import { mayHaveBundle } from './bundles.ts'
import type { Bundles } from './bundles.ts'
import type { CloneCounts } from './clone-counts.ts'

/** A bundle is renewed no sooner than this after it was written. Clients fetch what has come since. */
const renewAfterMs = 24 * 60 * 60_000

/** A bundle of a repository that is no longer cloned often is removed this long after it was written. */
const dropAfterMs = 7 * 24 * 60 * 60_000

/** Less is cloned as soon without a bundle. */
const leastBytes = 2 ** 20

export type BundleWork = 'write-bundle' | 'remove-bundle'

export type BundleKeeperServices = {
  readonly bundles: Bundles
  readonly commits: VisibleCommits
  readonly clones: CloneCounts
  readonly runJob: RunJob
  readonly runLongJob: RunLongJob
  /** @throws {Refusal} `disk_low` where the disk has no room for so many bytes */
  readonly checkRoom: (bytes: number) => Promise<void>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * Writes, renews and removes the bundles of repositories, for maintenance:
 *
 *   none ──cloned often──▶ written ──its branch has moved, a day later, cloned often──▶ written anew
 *                             │
 *                             └── no reference that clients see leads to it; or a week later, not cloned often ──▶ removed
 */
export class BundleKeeper {
  readonly #services: BundleKeeperServices

  constructor(services: BundleKeeperServices) {
    this.#services = services
  }

  /**
   * What is to be done to a repository's bundle. Costs no process where there is no bundle, and the repository is not cloned
   * often.
   *
   * @param bytes of the repository's objects, more or less
   */
  async workFor(gitDir: string, bytes: number, signal: AbortSignal): Promise<BundleWork | undefined> {
    const { bundles, clones, now } = this.#services
    const bundle = readBundle(gitDir)
    const isOften = clones.isOften(gitDir)
    if (bundle === undefined) {
      return isOften && bytes >= leastBytes && (await this.#branchFor(gitDir, signal)) ? 'write-bundle' : undefined
    }
    if (!mayHaveBundle(gitDir)) return 'remove-bundle'
    if (!(await bundles.isVisible(gitDir, bundle, ownerOf(signal)))) return 'remove-bundle'
    const age = now() - bundle.changedAt
    if (!isOften) return age > dropAfterMs ? 'remove-bundle' : undefined
    if (age < renewAfterMs) return undefined
    const branch = await this.#branchFor(gitDir, signal)
    return branch && branch.tip !== bundle.id ? 'write-bundle' : undefined
  }

  /**
   * @param bytes of the repository's objects, more or less
   * @returns the bundle that was written
   * @throws {JobError} where git fails, {Refusal} `disk_low`, the signal's reason
   */
  async do(work: BundleWork, gitDir: string, bytes: number, signal: AbortSignal): Promise<BundleFile | undefined> {
    if (work === 'remove-bundle') {
      await rm(bundleFolder(gitDir), { recursive: true, force: true })
      return undefined
    }
    await this.#services.checkRoom(bytes)
    const branch = await this.#branchFor(gitDir, signal)
    return branch && (await this.#write(branch.ref, gitDir, signal))
  }

  /** The default branch, if clients see it and it may be bundled. */
  async #branchFor(gitDir: string, signal: AbortSignal): Promise<{ ref: string; tip: string } | undefined> {
    const { runJob, commits } = this.#services
    if (!mayHaveBundle(gitDir) || isPartOfHistory(gitDir)) return undefined
    // Exit code 1: HEAD is not symbolic.
    const head = ['symbolic-ref', '--quiet', 'HEAD']
    const ref = (await runJob([`--git-dir=${gitDir}`, ...head], { okCodes: [0, 1], signal })).trim()
    if (!isRefName(ref) || !ref.startsWith('refs/heads/')) return undefined
    try {
      return { ref, tip: await commits.find(gitDir, ref, ownerOf(signal)) }
    } catch (error) {
      if (error instanceof Refusal && error.reason === 'archive_missing') return undefined
      throw error
    }
  }

  async #write(ref: string, gitDir: string, signal: AbortSignal): Promise<BundleFile> {
    const folder = bundleFolder(gitDir)
    await removeLeftovers(folder)
    await mkdir(folder, { recursive: true })
    const made = join(folder, `new-${randomBytes(8).toString('hex')}`)
    try {
      const create = ['--no-replace-objects', 'bundle', 'create', '--quiet', made, ref]
      await this.#services.runLongJob([`--git-dir=${gitDir}`, ...create], { signal })
      const bundle = readBundleAt(made)
      await synced(made)
      await rename(made, bundlePath(gitDir))
      await synced(folder)
      return bundle
    } catch (error) {
      await removeLeftovers(folder)
      throw error
    }
  }
}

/** Whether the history here is not all of it, or not what commits say. */
function isPartOfHistory(gitDir: string): boolean {
  return existsSync(join(gitDir, 'shallow')) || existsSync(join(gitDir, 'info/grafts'))
}

/** What a bundle that was not finished has left. Nobody else writes here, and one run at a time. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) if (name.startsWith('new-')) await rm(join(folder, name), { force: true })
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

async function synced(path: string): Promise<void> {
  await using file = await open(path, 'r')
  await file.sync()
}

function ownerOf(signal: AbortSignal) {
  return { id: 'maintenance', signal }
}
