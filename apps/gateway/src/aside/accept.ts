import { parseAccept } from 'hono/utils/accept'

/** Browsers send less than 200 bytes. A longer header is not worth the time to read it. */
const maxAcceptLength = 1024

/**
 * Whether a client would rather have HTML than plain text (RFC 9110 section 12.5.1). Browsers name it. git, curl and others
 * send a wildcard or nothing, which is no wish.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > maxAcceptLength) return false
  const wished = parseAccept(accept).filter(({ q }) => q > 0)
  const best = wished.find(({ type }) => /^text\/(?:html|plain)$/i.test(type))
  return best?.type.toLowerCase() === 'text/html'
}
