import type { Registry } from 'prom-client'
import type { EventLog } from '../../../events/event-log.ts'
import { EventMetrics } from '../../../events/event-metrics.ts'
import { partOf } from '../startable-part.ts'
import type { Part } from '../startable-part.ts'
import { openEventLog } from './event-log.ts'
import type { EventLogParts } from './event-log.ts'
import { openTelling } from './telling.ts'
import type { Telling } from './telling.ts'

/** What a host tells others of pushes, and of changes to repositories. */
export type Events = Part<Pick<Telling, 'desk' | 'stream'> & { readonly eventLog: EventLog | undefined }>

/** @throws {ConfigError} where the journal, or the file of receivers, cannot be used */
export async function openEvents(
  parts: Omit<EventLogParts, 'onEvent'> & { readonly registry: Registry },
): Promise<Events> {
  const { config, registry, log } = parts
  await using opened = new AsyncDisposableStack()
  const metrics = new EventMetrics(registry)
  const { eventLog } = opened.use(await openEventLog({ ...parts, onEvent: (event) => metrics.happened(event) }))
  const { desk, stream } = opened.use(await openTelling({ config, metrics, log }, eventLog))
  return partOf(opened, { eventLog, desk, stream })
}
