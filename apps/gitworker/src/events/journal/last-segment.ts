import type { Intent, PushIntent } from '../record/intent.ts'
import type { JournalRecord } from '../record/record-line.ts'
import type { LastSegment } from './position.ts'
import { readRecords } from './read-records.ts'
import { endOfLines, removeSegment, segmentsIn } from './segments.ts'

/** What an earlier process has left in a journal. */
export type Left = {
  /** Undefined where there is no journal yet. */
  readonly last: LastSegment | undefined
  /** The intents of which it is not known what came of them, in their order. */
  readonly intents: readonly Intent[]
  /** The names of repositories that were told to have been created. */
  readonly created: ReadonlySet<string>
}

/**
 * Reads the last segment of a journal, which has all intents that are open. Whatever an end of the process, or of the
 * machine, has cut short is left out: nobody was told that it had been written.
 */
export async function readLeft(folder: string): Promise<Left> {
  const segments = await segmentsIn(folder)
  for (const { number } of segments.toReversed()) {
    const found = await readSegment(folder, number)
    if (found) return found
    // It was being begun. All that it was to have is in the one before it.
    await removeSegment(folder, number)
  }
  return { last: undefined, intents: [], created: new Set() }
}

/** @returns undefined where its beginning is not whole */
async function readSegment(folder: string, number: number): Promise<Left | undefined> {
  const bytes = await endOfLines(folder, number)
  const reading = new Reading()
  const end = { segment: number, offset: bytes }
  for await (const { record } of readRecords({ folder }, { segment: number, offset: 0 }, end)) reading.take(record)
  if (!reading.isWhole && !reading.hasEvents) return undefined
  return {
    last: { number, bytes, lastEventId: reading.lastEventId },
    intents: [...reading.intents.values()],
    created: reading.created,
  }
}

class Reading {
  readonly intents = new Map<string, Intent>()
  readonly created = new Set<string>()
  lastEventId: string | undefined
  hasEvents = false
  #isFirst = true
  #carried = Infinity

  get isWhole(): boolean {
    return this.#carried <= 0
  }

  take(record: JournalRecord): void {
    if (this.#isFirst) this.#carried = 'begins' in record ? record.begins.open : Infinity
    else this.#carried--
    this.#isFirst = false
    if ('begins' in record) this.lastEventId = record.begins.after ?? undefined
    else if ('intent' in record) this.intents.set(record.intent.id, record.intent)
    else if ('done' in record) this.intents.delete(record.done)
    else this.#takeEvent(record)
  }

  #takeEvent({ event, of, index }: Extract<JournalRecord, { event: unknown }>): void {
    this.hasEvents = true
    this.lastEventId = event.id
    if (event.kind === 'create') this.created.add(event.repository)
    else if (event.kind !== 'push') this.created.delete(event.repository)
    const intent = of === undefined ? undefined : this.intents.get(of)
    if (!intent) return
    if (intent.kind !== 'push') this.intents.delete(intent.id)
    else if (index !== undefined) this.intents.set(intent.id, withTold(intent, index))
  }
}

function withTold(intent: PushIntent, index: number): PushIntent {
  return { ...intent, told: [...(intent.told ?? []), index] }
}
