import type { IncomingHttpHeaders } from 'node:http'

/** A weak one: the same content, which need not be the same bytes (RFC 9110 section 8.8.1). */
export function weakTag(name: string): string {
  return `W/"${name}"`
}

/**
 * Whether a client has this version already, so that 304 is the reply (RFC 9110 section 13.1.2).
 *
 * @param tag in quotation marks, with or without `W/`
 */
export function isAtClient({ 'if-none-match': known }: IncomingHttpHeaders, tag: string): boolean {
  if (known === undefined) return false
  if (known.trim() === '*') return true
  return known.split(',').some((one) => strong(one.trim()) === strong(tag))
}

/** Weak comparison (RFC 9110 section 8.8.3.2). */
function strong(tag: string): string {
  return tag.replace(/^W\//, '')
}
