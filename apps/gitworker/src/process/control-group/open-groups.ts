import { settings as names } from '@sluice/shared/config/settings'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { Logger } from '@sluice/shared/telemetry/log'
import { findDelegatedGroup } from './delegated-group.ts'
import type { GroupLimits } from './request-group.ts'
import { RequestGroups } from './request-groups.ts'

/** As configured. */
export type GroupSettings = {
  readonly controlGroups: 'auto' | 'off'
  readonly requestMemory: number | undefined
  readonly requestProcesses: number | undefined
}

/**
 * Gives each request a control group of its own, where this process was started in one that is delegated to it.
 *
 * @param note a file in the runtime directory: see left-groups.ts
 * @param files the root of the file system whose /proc and /sys are read
 * @returns undefined where there are none. The log says why, and which limits are not kept
 */
export function openRequestGroups(
  settings: GroupSettings,
  note: string,
  log: Logger,
  files = '/',
): RequestGroups | undefined {
  const opened = tryToOpen(settings, note, log, files)
  if (typeof opened !== 'string') return limited(opened, settings, log)
  const ignored = limitNames(settings)
  const words = 'requests have no control groups of their own'
  if (ignored.length === 0) log.info({ why: opened }, words)
  else log.warn({ why: opened }, `${ignored.join(', ')}: ${words}, so these limits are not kept`)
  return undefined
}

/** The settings of limits that only control groups can keep, as far as they are set. */
export function limitNames(settings: GroupSettings): string[] {
  return (['requestMemory', 'requestProcesses'] as const)
    .filter((key) => settings[key] !== undefined)
    .map((key) => names[key].name)
}

/** @returns the reason why there are none */
function tryToOpen(settings: GroupSettings, note: string, log: Logger, files: string): RequestGroups | string {
  if (settings.controlGroups === 'off') return `${names.controlGroups.name} is off`
  const { folder, why } = findDelegatedGroup(files)
  if (folder === undefined) return why
  try {
    return new RequestGroups(folder, note, log)
  } catch (error) {
    return `${folder} cannot be used (${errnoOf(error) || String(error)})`
  }
}

function limited(groups: RequestGroups, settings: GroupSettings, log: Logger): RequestGroups {
  const limits: GroupLimits = { memory: settings.requestMemory, processes: settings.requestProcesses }
  const keys = { memory: 'requestMemory', processes: 'requestProcesses' } as const
  for (const { key, why } of groups.limit(limits)) {
    log.warn({ why }, `${names[keys[key]].name}: this limit is not kept, since the control group lacks its controller`)
  }
  log.info({ folder: groups.folder }, 'each request has a control group of its own')
  return groups
}
