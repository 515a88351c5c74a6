import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { mayBeEvent, readRecordLine } from '../record/record-line.ts'
import type { JournalRecord } from '../record/record-line.ts'
import type { Event } from '../record/event.ts'
import type { Journal } from './journal.ts'
import { isBefore } from './position.ts'
import type { Position } from './position.ts'
import { isGone, segmentAfter, segmentPath } from './segments.ts'

const chunkBytes = 64 * 1024

/** The intent of a push with the most references has some megabytes. A longer line is none of ours, and is passed over. */
const maxLineBytes = 8 * 2 ** 20

export type Placed<T> = {
  readonly at: Position
  /** Where the next one is. */
  readonly next: Position
} & T

type Lines = AsyncGenerator<Placed<{ readonly line: Buffer }>>

/** What is read: the segments in a folder, and what is in memory of the last one. */
export type JournalSource = Pick<Journal, 'folder'> & Partial<Pick<Journal, 'tailFrom'>>

/** All records from a place on, up to another, in their order. Those that are not whole are left out. */
export async function* readRecords(
  source: JournalSource,
  from: Position,
  end: Position,
): AsyncGenerator<Placed<{ readonly record: JournalRecord }>> {
  for await (const { line, ...place } of readLines(source, from, end)) {
    const record = readRecordLine(line)
    if (record) yield { record, ...place }
  }
}

/** The events among them. @param about a plain name: only those of that repository */
export async function* readEvents(
  source: JournalSource,
  from: Position,
  end: Position,
  about?: string,
): AsyncGenerator<Placed<{ readonly event: Event }>> {
  // To look for a text takes far less time than to read a line.
  const needle = about === undefined ? undefined : Buffer.from(`"repository":${JSON.stringify(about)}`)
  for await (const { line, ...place } of readLines(source, from, end)) {
    const isWorthReading = mayBeEvent(line) && (needle === undefined || line.includes(needle))
    const record = isWorthReading ? readRecordLine(line) : undefined
    if (record && 'event' in record) yield { event: record.event, ...place }
  }
}

async function* readLines(source: JournalSource, from: Position, end: Position): Lines {
  if (!isBefore(from, end)) return
  const tail = source.tailFrom?.(from)
  if (tail) {
    const length = from.segment === end.segment ? end.offset - from.offset : tail.length
    yield* linesOf(readsOnce(tail), from.segment, from.offset, from.offset + Math.min(length, tail.length))
    return
  }
  const { folder } = source
  let number: number | undefined = from.segment
  while (number !== undefined && number <= end.segment) {
    const file = await openIfThere(segmentPath(folder, number))
    if (file) {
      try {
        const start = number === from.segment ? from.offset : 0
        const most = number === end.segment ? end.offset : (await file.stat()).size
        yield* linesOf(file, number, start, most)
      } finally {
        await file.close()
      }
    }
    // Segments that have been removed are passed over.
    number = file ? number + 1 : await segmentAfter(folder, number)
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return await open(path).catch((error: unknown) => {
    if (!isGone(error)) throw error
    return undefined
  })
}

/** @param tail what there is from the first place that is asked for on */
function readsOnce(tail: Buffer): Readable {
  let rest = tail
  return {
    read: async (_buffer, _offset, length) => {
      const buffer = rest.subarray(0, length)
      rest = rest.subarray(length)
      return { bytesRead: buffer.length, buffer }
    },
  }
}

type Readable = {
  read(buffer: Buffer, offset: number, length: number, at: number): Promise<{ bytesRead: number; buffer: Buffer }>
}

async function* linesOf(file: Readable, segment: number, start: number, end: number): Lines {
  let begun: Buffer = Buffer.alloc(0)
  let lineAt = start
  let isTooLong = false
  for (let at = start; at < end;) {
    const length = Math.min(chunkBytes, end - at)
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at)
    if (bytesRead === 0) return
    let chunk = buffer.subarray(0, bytesRead)
    for (let feed = chunk.indexOf(0x0a); feed !== -1; feed = chunk.indexOf(0x0a)) {
      const nextAt = at + bytesRead - chunk.length + feed + 1
      const line = isTooLong ? undefined : begun.length === 0 ? chunk.subarray(0, feed) : joined(begun, chunk, feed)
      const place = { at: { segment, offset: lineAt }, next: { segment, offset: nextAt } }
      chunk = chunk.subarray(feed + 1)
      lineAt = nextAt
      begun = Buffer.alloc(0)
      isTooLong = false
      if (line) yield { line, ...place }
    }
    at += bytesRead
    isTooLong ||= begun.length + chunk.length > maxLineBytes
    begun = isTooLong ? Buffer.alloc(0) : begun.length === 0 ? chunk : Buffer.concat([begun, chunk])
  }
}

function joined(begun: Buffer, chunk: Buffer, feed: number): Buffer {
  return Buffer.concat([begun, chunk.subarray(0, feed)])
}
