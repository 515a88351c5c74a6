import type { Logger } from '@sluice/shared/telemetry/log'
import type { PackCache } from '../../cache/packs/pack-cache.ts'
import { DiskSpace } from '../../capacity/disk-space.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import type { HooksFolder } from '../../hooks/hook-plan.ts'
import { openOperatorsHooks } from '../../hooks/operators-hooks.ts'
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
  /** The operator's hooks, which run for all repositories; undefined where there are none. */
  readonly operatorsHooks: HooksFolder | undefined
}>

/** @throws {ConfigError} where a folder cannot be used, or another supervisor uses the runtime directory */
export async function openStorage(config: SupervisorConfig, log: Logger): Promise<Storage> {
  await using opened = new AsyncDisposableStack()
  const operatorsHooks = await openOperatorsHooks(config.hooksFolder)
  const root = await openRoot(config)
  const runtimeDirectory = opened.use(await openRuntimeDirectory(config.runFolder, config.killGrace, log))
  return partOf(opened, { root, runtimeDirectory, operatorsHooks })
}

/** Watches the free space on the disks that a host writes to. */
export function watchDisks(config: SupervisorConfig, { root, runtimeDirectory }: Storage, packs: PackCache): DiskSpace {
  const audit = auditFolder(config)
  const folders = {
    root,
    run: runtimeDirectory.path,
    ...(packs.usesDisk && { spool: packs.folder }),
    ...(audit !== undefined && { audit }),
  }
  return new DiskSpace(folders, config.minFreeDisk)
}
