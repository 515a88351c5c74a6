import { join, resolve } from 'node:path'
import type { SupervisorConfig } from './config.ts'

/** Where the journal of events is; undefined where nobody is told of events. */
export function eventsFolder({
  eventsFile,
  eventStream,
  eventsFolder: folder,
  runFolder,
}: Pick<SupervisorConfig, 'eventsFile' | 'eventStream' | 'eventsFolder' | 'runFolder'>): string | undefined {
  if (eventsFile === undefined && !eventStream) return undefined
  return folder === 'auto' ? join(resolve(runFolder), 'events') : folder
}
