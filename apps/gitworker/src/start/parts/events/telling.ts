import { readEventsFile } from '@sluice/shared/config/events/events-file'
import type { Receiver } from '@sluice/shared/config/events/events-file'
import { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SupervisorConfig } from '../../../config/config.ts'
import { Deliveries } from '../../../events/delivery/deliveries.ts'
import type { EventLog } from '../../../events/event-log.ts'
import type { EventMetrics } from '../../../events/event-metrics.ts'
import { EventsDesk } from '../../../events/events-desk.ts'
import { trimJournal, trimRegularly } from '../../../events/journal/retention.ts'
import { EventStream } from '../../../events/listeners/event-stream.ts'
import { partOf } from '../startable-part.ts'
import type { Part } from '../startable-part.ts'

const setting = 'SLUICE_EVENTS_FILE'

export type TellingParts = {
  readonly config: SupervisorConfig
  readonly metrics: EventMetrics
  readonly log: Logger
}

/** What is told of events, and to whom. */
export type Telling = Part<{
  /** Undefined where nobody is told. */
  readonly desk: EventsDesk | undefined
  /** Undefined where SLUICE_EVENT_STREAM is off. */
  readonly stream: EventStream | undefined
}>

/**
 * Opens what sends events to receivers, and to those who listen.
 *
 * @throws {ConfigError} where the file of receivers is not right at the start
 */
export async function openTelling(
  { config, metrics, log }: TellingParts,
  eventLog: EventLog | undefined,
): Promise<Telling> {
  await using opened = new AsyncDisposableStack()
  if (!eventLog) {
    metrics.show(undefined)
    return partOf(opened, { desk: undefined, stream: undefined })
  }
  const { journal } = eventLog
  const publicUrl = config.publicUrl
  const onAttempt = metrics.attempted.bind(metrics)
  const deliveries = opened.use(await Deliveries.open([], { journal, publicUrl, log, onAttempt }))
  if (config.eventsFile !== undefined) {
    const file = opened.use(await readReceivers(config.eventsFile, log, (all) => void deliveries.take(all)))
    await deliveries.take(file.current)
  }
  const stream = config.eventStream ? opened.use(new EventStream(journal)) : undefined
  let journalBytes = 0
  const trim = async () => {
    journalBytes = await trimEvents(eventLog, deliveries, config, metrics, log).catch((err: unknown) => {
      log.warn({ err }, 'old events could not be removed')
      return journalBytes
    })
  }
  opened.use(trimRegularly(trim))
  metrics.show(() => ({ queues: deliveries.queues, listeners: stream?.listeners ?? 0, journalBytes }))
  const desk = new EventsDesk({ journal, deliveries, publicUrl, nextId: () => eventLog.nextId(), log })
  return partOf(opened, { desk, stream })
}

/**
 * Reads the file, again when it changes; if it breaks, what was read before stays in force.
 *
 * @throws {ConfigError} where it is not right at the start
 */
export async function readReceivers(
  path: string,
  log: Logger,
  onChange: (receivers: readonly Receiver[]) => void,
): Promise<ReloadedFile<readonly Receiver[]>> {
  return await ReloadedFile.open<readonly Receiver[]>(setting, {
    paths: [path],
    parse: ([text = ''], signal) => readEventsFile(text, path, signal),
    onChange: (receivers) => {
      log.info({ path, receivers: receivers.length }, `${setting} was read anew`)
      onChange(receivers)
    },
    onProblem: (problem) => log.error(`${setting}: ${problem}; what was read before stays in force`),
  })
}

/** Removes what is old, and says what nobody can be told any more. */
async function trimEvents(
  { journal }: EventLog,
  deliveries: Deliveries,
  { eventsTime: time, eventsSize: bytes }: Pick<SupervisorConfig, 'eventsTime' | 'eventsSize'>,
  metrics: EventMetrics,
  log: Logger,
): Promise<number> {
  const dropped = new Map<string, number>()
  const left = await trimJournal(journal, { time, bytes }, (event, at) => {
    for (const { name } of deliveries.waitingFor(event, at)) {
      metrics.dropped(name)
      dropped.set(name, (dropped.get(name) ?? 0) + 1)
    }
  })
  for (const [receiver, events] of dropped) {
    log.error({ receiver, events }, 'events were dropped that a receiver had not taken: see SLUICE_EVENTS_SIZE')
  }
  return left
}
