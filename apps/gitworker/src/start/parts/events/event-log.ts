import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, isPassing } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import { makeFolders } from '@sluice/shared/machine/make-folders'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { DiskSpace } from '../../../capacity/disk-space.ts'
import type { SupervisorConfig } from '../../../config/config.ts'
import { eventsFolder } from '../../../config/events-folder.ts'
import { EventLog } from '../../../events/event-log.ts'
import type { Event } from '../../../events/record/event.ts'
import { refValues } from '../../../push/ref-values.ts'
import { findRepository } from '../../../repository/repository.ts'
import { ownFolder } from '../directory-owner.ts'
import { partOf } from '../startable-part.ts'
import type { Part } from '../startable-part.ts'
import type { Storage } from '../storage.ts'
import type { Workers } from '../workers.ts'

export type EventLogParts = {
  readonly config: SupervisorConfig
  readonly storage: Pick<Storage, 'root'>
  readonly workers: Pick<Workers, 'runJob'>
  /** Undefined where nobody watches the disks. */
  readonly disks: Pick<DiskSpace, 'freeBytes'> | undefined
  readonly onEvent: (event: Event) => void
  readonly log: Logger
}

/** What is written down of events. Undefined where nobody is told of them. */
export type EventLogPart = Part<{ readonly eventLog: EventLog | undefined }>

/**
 * Opens the journal, and finds out what came of pushes that an earlier supervisor has left.
 *
 * @throws {ConfigError} where its folder cannot be used
 */
export async function openEventLog(parts: EventLogParts): Promise<EventLogPart> {
  const folder = eventsFolder(parts.config)
  await using opened = new AsyncDisposableStack()
  if (folder === undefined) return partOf(opened, { eventLog: undefined })
  try {
    await makeFolders(folder, 0o700)
    if (parts.config.eventsFolder === 'auto') await warnOfMemory(folder, parts.log)
    const owning = await ownFolder(folder)
    if (!owning) throw inUse(folder)
    opened.use(owning)
    const eventLog = opened.use(await open(folder, parts))
    await eventLog.recoverPushes()
    return partOf(opened, { eventLog })
  } catch (error) {
    if (error instanceof ConfigError || errnoOf(error) === '') throw error
    const problem = `SLUICE_EVENTS_FOLDER: the journal of events in ${folder} cannot be written (${errnoOf(error)}).`
    throw new ConfigError([problem], { mayHeal: isPassing(errnoOf(error)) })
  }
}

async function open(folder: string, { storage, workers, disks, onEvent, log }: EventLogParts): Promise<EventLog> {
  const { root } = storage
  return await EventLog.open({
    folder,
    look: async (below, refs) => {
      const gitDir = resolve(root, below)
      return existsSync(join(gitDir, 'HEAD')) ? await refValues(gitDir, refs, workers.runJob) : undefined
    },
    exists: (repository) => findRepository(root, repository) !== undefined,
    freeBytes: async () => await disks?.freeBytes('events'),
    onEvent,
    log,
  })
}

/** What is in memory only is gone when the machine is. */
async function warnOfMemory(folder: string, log: Logger): Promise<void> {
  const { type } = await statfs(folder)
  if (type !== tmpfs) return
  log.warn(
    { folder },
    'the journal of events is in memory: what is not sent when the machine stops is lost. SLUICE_EVENTS_FOLDER may name a folder on a disk',
  )
}

/** statfs(2). */
const tmpfs = 0x01021994

function inUse(folder: string): ConfigError {
  const problem = `SLUICE_EVENTS_FOLDER names ${folder}, which another supervisor is using. Choose another folder.`
  return new ConfigError([problem], { mayHeal: true })
}
