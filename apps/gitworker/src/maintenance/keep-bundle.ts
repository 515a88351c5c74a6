import type { BundleKeeper, BundleWork } from '../bundles/bundle-keeper.ts'
import { lookAtRepository } from './look.ts'
import { bytesOf } from './maintain.ts'

export type KeptBundle = {
  readonly work: BundleWork
  /** Of the bundle that was written. */
  readonly bytes: number | undefined
  readonly milliseconds: number
}

/**
 * Does to a repository's bundle what it needs. To be called after all else: packs in good shape are bundled sooner.
 *
 * @returns undefined where there was nothing to do
 * @throws as `BundleKeeper.do`
 */
export async function keepBundle(
  bundles: BundleKeeper | undefined,
  gitDir: string,
  signal: AbortSignal,
): Promise<KeptBundle | undefined> {
  if (!bundles) return undefined
  const repositoryBytes = bytesOf(await lookAtRepository(gitDir))
  const work = await bundles.workFor(gitDir, repositoryBytes, signal)
  if (work === undefined) return undefined
  const since = performance.now()
  const bundle = await bundles.do(work, gitDir, repositoryBytes, signal)
  return { work, bytes: bundle?.bytes, milliseconds: Math.round(performance.now() - since) }
}
