import type { Journal } from './journal.ts'
import { readEvents } from './read-records.ts'
import { removeSegment, segmentsIn } from './segments.ts'
import type { Segment } from './segments.ts'
import type { Event } from '../record/event.ts'
import type { Position } from './position.ts'

const lookEveryMs = 60_000

export type Retention = {
  /** Milliseconds. */
  readonly time: number
  readonly bytes: number
}

/**
 * Removes old segments of a journal, from the oldest: those that are older than the time, and, beyond the size, as many as it
 * takes. The last one stays. Intents that are open are in the last one, too.
 *
 * @param onRemoving called with each event of a segment, before that is removed
 * @returns how many bytes are left
 */
export async function trimJournal(
  journal: Pick<Journal, 'folder' | 'end'>,
  { time, bytes }: Retention,
  onRemoving: (event: Event, at: Position) => void,
  now = Date.now(),
): Promise<number> {
  const { folder, end } = journal
  const segments = await segmentsIn(folder)
  let left = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  for (const segment of segments) {
    if (segment.number >= end.segment || (!isOver(segment, time, now) && left <= bytes)) break
    const from = { segment: segment.number, offset: 0 }
    const to = { segment: segment.number, offset: segment.bytes }
    for await (const { event, at } of readEvents({ folder }, from, to)) onRemoving(event, at)
    await removeSegment(folder, segment.number)
    left -= segment.bytes
  }
  return left
}

function isOver({ modifiedAt }: Segment, time: number, now: number): boolean {
  return now - modifiedAt > time
}

/** Does something at once, and from time to time. Disposing of it waits until it is not at work. @param trim must not reject */
export function trimRegularly(trim: () => Promise<void>): AsyncDisposable {
  let last = trim()
  const timer = setInterval(() => {
    last = last.then(trim)
  }, lookEveryMs).unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await last
    },
  }
}
