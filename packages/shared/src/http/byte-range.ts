import type { IncomingHttpHeaders } from 'node:http'

/** Both ends are part of it. */
export type ByteRange = { readonly start: number; readonly end: number }

/**
 * The part of a file that a client asks for (RFC 9110 section 14.2). Several parts at once are not served: the client gets
 * the whole, as the RFC allows.
 *
 * @param size of the file, in bytes, at least 1
 * @param tag a strong one: a client that has begun with another version gets the whole (`If-Range`)
 * @returns undefined for the whole
 */
export function rangeOf(
  { range, 'if-range': begun }: IncomingHttpHeaders,
  size: number,
  tag: string,
): ByteRange | 'unsatisfiable' | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(range?.trim() ?? '') ?? []
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
  if (begun !== undefined && begun !== tag) return undefined
  if (from === '') {
    const last = Number(to)
    return last === 0 ? 'unsatisfiable' : { start: Math.max(0, size - last), end: size - 1 }
  }
  const start = Number(from)
  if (to !== '' && Number(to) < start) return undefined
  if (start >= size) return 'unsatisfiable'
  return { start, end: to === '' ? size - 1 : Math.min(Number(to), size - 1) }
}
