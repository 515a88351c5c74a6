import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, isPassing } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Producer } from '../../cache/packs/stream/pack-source.ts'
import { PackCache } from '../../cache/packs/pack-cache.ts'
import { ReferenceCache } from '../../cache/references/reference-cache.ts'
import type { Admission } from '../../capacity/admission.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { isRootShared } from '../../config/shared-root.ts'
import { GitProducer } from '../../request/git-producer.ts'
import { partOf } from './startable-part.ts'
import type { Part } from './startable-part.ts'

export type Caches = Part<{
  readonly packs: PackCache
  /** Undefined where references are not cached. */
  readonly answers: ReferenceCache | undefined
}>

/**
 * @param runtimeDirectory the path of the runtime directory
 * @throws {ConfigError} where the folder for spools cannot be used
 */
export async function openCaches(
  config: SupervisorConfig,
  admission: Admission,
  runtimeDirectory: string,
  log: Logger,
): Promise<Caches> {
  await using opened = new AsyncDisposableStack()
  const packs = opened.use(await openPackCache(config, admission, runtimeDirectory, log))
  const maxBytes = referenceCacheBytes(config)
  const onGone = (state: number) => packs.forget(state)
  const answers = maxBytes === undefined ? undefined : opened.use(new ReferenceCache({ maxBytes, onGone }))
  return partOf(opened, { packs, answers })
}

const usualReferenceBytes = 64 * 1024 * 1024

/** File times of a folder that other hosts write to may be late here. */
function referenceCacheBytes(config: SupervisorConfig): number | undefined {
  if (config.referenceCache !== 'auto') return config.referenceCache
  return isRootShared(config) ? undefined : usualReferenceBytes
}

async function openPackCache(
  { packCache: budgetBytes, fetchAhead: aheadBytes, minDownloadRate, queueTimeout, spoolFolder }: SupervisorConfig,
  { lanes }: Admission,
  runtimeDirectory: string,
  log: Logger,
): Promise<PackCache> {
  const folder = spoolFolder === 'auto' ? join(runtimeDirectory, 'spool') : spoolFolder
  const slowReaders = {
    isWaitedFor: (one: Producer) =>
      one instanceof GitProducer && one.holdsSlot && lanes[one.lane].isWaitedFor(one.claim),
    minBytesPerSecond: minDownloadRate,
    windowMs: (queueTimeout * 2) / 3,
    tooSlow: () => new Refusal('slow_download'),
  }
  const onProblem = (problem: string) => log.warn(problem)
  try {
    const packs = await PackCache.open({ folder, budgetBytes, aheadBytes, slowReaders, onProblem })
    if (packs.usesDisk && isInMemory(folder)) log.warn({ folder }, spoolInMemory)
    return packs
  } catch (error) {
    const problem = `SLUICE_SPOOL_FOLDER: ${folder} cannot be used (${errnoOf(error)}).`
    throw new ConfigError([problem], { mayHeal: isPassing(errnoOf(error)) })
  }
}

const spoolInMemory =
  'SLUICE_SPOOL_FOLDER is in memory (tmpfs), which packs of up to SLUICE_PACK_CACHE and SLUICE_FETCH_AHEAD would take: name a folder on a disk, or lower both'

/** Whether a folder lies on tmpfs or ramfs, by the numbers in statfs(2). */
function isInMemory(folder: string): boolean {
  const { type } = statfsSync(folder)
  return type === 0x0102_1994 || type === 0x8584_58f6
}
