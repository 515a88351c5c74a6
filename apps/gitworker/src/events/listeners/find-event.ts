import { segmentsIn } from '../journal/segments.ts'
import type { Journal } from '../journal/journal.ts'
import type { Position } from '../journal/position.ts'
import { readEvents, readRecords } from '../journal/read-records.ts'
import type { Placed } from '../journal/read-records.ts'
import type { Event } from '../record/event.ts'

type Read = Pick<Journal, 'folder' | 'end'>

/** The event of an id, and where it is. Undefined where the journal has none. */
export async function findEvent(journal: Read, id: string): Promise<Placed<{ readonly event: Event }> | undefined> {
  const { position } = await segmentFor(journal, (after) => after < id)
  for await (const found of readEvents(journal, position, journal.end)) if (found.event.id === id) return found
  return undefined
}

/**
 * Where to go on after an event.
 *
 * @returns `isWhole`: whether the journal still has all that came after it
 */
export async function placeAfter(
  journal: Read,
  id: string,
): Promise<{ readonly position: Position; readonly isWhole: boolean }> {
  const { end } = journal
  const { position, isWhole } = await segmentFor(journal, (after) => after <= id)
  for await (const { event, at, next } of readEvents(journal, position, end)) {
    if (event.id === id) return { position: next, isWhole }
    if (event.id > id) return { position: at, isWhole }
  }
  return { position: end, isWhole }
}

/** The last segment of which that may be said of the last event before it; or else the first. */
async function segmentFor({ folder, end }: Read, fits: (after: string) => boolean) {
  const segments = await segmentsIn(folder)
  for (const { number } of segments.toReversed()) {
    const position = { segment: number, offset: 0 }
    const after = await lastBefore(folder, position, end)
    // Nothing came before the first of all.
    if (after !== undefined && (after === null || fits(after))) return { position, isWhole: true }
  }
  return { position: { segment: segments[0]?.number ?? 0, offset: 0 }, isWhole: segments.length === 0 }
}

/** @returns null where nothing came before a segment; undefined where that cannot be read */
async function lastBefore(folder: string, position: Position, end: Position): Promise<string | null | undefined> {
  for await (const { record } of readRecords({ folder }, position, end)) {
    return 'begins' in record ? record.begins.after : undefined
  }
  return undefined
}
