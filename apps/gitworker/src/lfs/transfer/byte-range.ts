import { Refusal } from '@sluice/shared/refusal/refusal'
import type { ByteRange } from '../storage/lfs-storage.ts'

const form = /^bytes=(?:(?<start>\d{1,16})-(?<end>\d{1,16})?|-(?<last>\d{1,16}))$/

/**
 * The bytes that a client asks for, of an object of this size. git-lfs asks for the rest of what it has begun to download.
 *
 * Source: RFC 9110 section 14.2. What is not one range of bytes may be ignored, and is.
 *
 * @returns undefined for the whole object
 * @throws {Refusal} `lfs_bad_range` where the object has none of these bytes
 */
export function rangeIn(header: string | undefined, size: number): ByteRange | undefined {
  const { start, end, last } = form.exec(header ?? '')?.groups ?? {}
  if (start === undefined && last === undefined) return undefined
  const from = start === undefined ? Math.max(0, size - Number(last)) : Number(start)
  const to = Math.min(end === undefined ? Infinity : Number(end), size - 1)
  if (end !== undefined && Number(end) < from) return undefined
  if (from >= size || Number(last) === 0) {
    throw new Refusal('lfs_bad_range', { headers: { 'Content-Range': `bytes */${size}` } })
  }
  return { start: from, end: to }
}
