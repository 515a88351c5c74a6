import { crc32 } from 'node:zlib'
import type { Event } from './event.ts'
import type { Intent } from './intent.ts'

/*
 * A record of the journal is a line: a checksum (CRC-32, eight hexadecimal digits), a space, and an object of JSON, which
 * has no line feed. So people can read it, and a line that was cut short, or spoilt, is told from a whole one.
 */

export type JournalRecord =
  /** The first line of each segment: the id of the last event before it, and how many open intents follow. */
  | { readonly begins: { readonly after: string | null; readonly open: number } }
  /** `of`: the intent that it came of; `index`: which of its references. */
  | { readonly event: Event; readonly of?: string; readonly index?: number }
  | { readonly intent: Intent }
  /** Nothing more comes of this intent. */
  | { readonly done: string }

const checksumLength = 8

export function recordLine(record: JournalRecord): string {
  const text = JSON.stringify(record)
  return `${checksumOf(text)} ${text}\n`
}

/** @param line without its line feed. @returns undefined where it is not whole */
export function readRecordLine(line: Buffer): JournalRecord | undefined {
  const text = line.toString('utf8', checksumLength + 1)
  if (line.toString('latin1', 0, checksumLength) !== checksumOf(text)) return undefined
  try {
    return JSON.parse(text) as JournalRecord
  } catch {
    return undefined
  }
}

/** Whether a line has an event, without reading it. */
export function mayBeEvent(line: Buffer): boolean {
  return line.indexOf('{"event":', checksumLength + 1, 'latin1') === checksumLength + 1
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(checksumLength, '0')
}
