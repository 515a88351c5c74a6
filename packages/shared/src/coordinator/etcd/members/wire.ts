/*
 * How etcd's JSON gateway writes things: bytes as base64, 64-bit numbers as strings, and whatever is empty, 0 or false not
 * at all. See `api/etcdserverpb/rpc.proto` of etcd, and the JSON mapping of Protocol Buffers.
 */

export type JsonObject = { readonly [name: string]: unknown }

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** Bytes as text. @throws {TypeError} where it is no text at all */
export function decode(base64: unknown): string {
  if (base64 === undefined) return ''
  if (typeof base64 !== 'string') throw new TypeError('bytes that are no base64')
  return Buffer.from(base64, 'base64').toString()
}

/** @throws {TypeError} for what is no whole number that JavaScript can count with */
export function wholeNumber(value: unknown): number {
  const number = value === undefined ? 0 : typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number
  throw new TypeError('a number that is none')
}

/** The keys that begin with a prefix: from it to before the next text of the same length. UTF-8 has no byte 0xff. */
export function rangeOf(prefix: string): { readonly key: string; readonly range_end: string } {
  if (prefix === '') return { key: encode('\0'), range_end: encode('\0') }
  const end = Buffer.from(prefix)
  end[end.length - 1]! += 1
  return { key: encode(prefix), range_end: end.toString('base64') }
}
