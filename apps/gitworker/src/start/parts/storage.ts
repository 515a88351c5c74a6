import { resolve } from 'node:path'
import { ConfigError } from '@sluice/shared/config/config-error'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { PackCache } from '../../cache/packs/pack-cache.ts'
import { DiskSpace } from '../../capacity/disk-space.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { isRootShared } from '../../config/shared-root.ts'
import { isBelow } from '../../repository/repository.ts'
import type { HooksFolder } from '../../hooks/hook-plan.ts'
import { DiskStorage } from '../../lfs/storage/disk/disk-storage.ts'
import type { LfsStorage } from '../../lfs/storage/lfs-storage.ts'
import { openLfsStorage } from '../../lfs/open-storage.ts'
import { openOperatorsHooks } from '../../hooks/operators-hooks.ts'
import { eventsFolder } from '../../config/events-folder.ts'
import { auditFolder } from './audit.ts'
import { partOf } from './startable-part.ts'
import type { Part } from './startable-part.ts'
import { openRoot } from './prerequisites.ts'
import { openRuntimeDirectory } from './runtime-directory.ts'
import type { RuntimeDirectory } from './runtime-directory.ts'

/** The folders of a host. */
export type Storage = Part<{
  /** The real path of the folder below which all repositories lie. */
  readonly root: string
  readonly runtimeDirectory: RuntimeDirectory
  /** The objects of LFS. */
  readonly lfs: LfsStorage
  /** The same where they are on the disk; undefined where they are in S3. */
  readonly lfsOnDisk: DiskStorage | undefined
  /** The operator's hooks, which run for all repositories; undefined where there are none. */
  readonly operatorsHooks: HooksFolder | undefined
}>

/** @throws {ConfigError} where a folder cannot be used, or another supervisor uses the runtime directory */
export async function openStorage(config: SupervisorConfig, log: Logger): Promise<Storage> {
  await using opened = new AsyncDisposableStack()
  const operatorsHooks = await openOperatorsHooks(config.hooksFolder)
  const root = await openRoot(config)
  const isShared = isRootShared(config)
  if (isShared) checkOwnFolders(config, root)
  const runtimeDirectory = opened.use(
    await openRuntimeDirectory(config.runFolder, { killGrace: config.killGrace, isShared }, log),
  )
  const lfs = await openLfsStorage(config, runtimeDirectory.path, opened, log)
  const lfsOnDisk = lfs instanceof DiskStorage ? lfs : undefined
  return partOf(opened, { root, runtimeDirectory, lfs, lfsOnDisk, operatorsHooks })
}

/** @throws {ConfigError} where a folder that is this host's alone lies in the one that it shares */
function checkOwnFolders(config: SupervisorConfig, root: string): void {
  const { runFolder, spoolFolder } = config
  const events = eventsFolder(config)
  const problems = [
    ['SLUICE_RUN_FOLDER', runFolder] as const,
    ...(spoolFolder === 'auto' ? [] : [['SLUICE_SPOOL_FOLDER', spoolFolder] as const]),
    ...(events === undefined || config.eventsFolder === 'auto' ? [] : [['SLUICE_EVENTS_FOLDER', events] as const]),
  ]
    .filter(([, folder]) => isInside(root, folder))
    .map(
      ([name, folder]) =>
        `${name} names ${folder}, which lies in SLUICE_ROOT. With SLUICE_STORAGE=shared all hosts have that folder, and this one must be of this host alone: name another, on a disk of its own.`,
    )
  if (problems.length > 0) throw new ConfigError(problems)
}

function isInside(root: string, folder: string): boolean {
  const path = resolve(folder)
  return path === root || isBelow(root, path)
}

/** Watches the free space on the disks that a host writes to. */
export function watchDisks(config: SupervisorConfig, { root, runtimeDirectory }: Storage, packs: PackCache): DiskSpace {
  const audit = auditFolder(config)
  const events = eventsFolder(config)
  const folders = {
    root,
    run: runtimeDirectory.path,
    ...(packs.usesDisk && { spool: packs.folder }),
    ...(audit !== undefined && { audit }),
    ...(events !== undefined && { events }),
  }
  return new DiskSpace(folders, config.minFreeDisk)
}
