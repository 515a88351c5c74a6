import { parseAccept } from 'hono/utils/accept'

/** Browsers send less than 200 bytes. A longer header is not worth parsing. */
const maxAcceptLength = 1024

/**
 * Whether a client prefers HTML to plain text (RFC 9110 section 12.5.1). Browsers name `text/html`. git, curl and others
 * send a wildcard or nothing, which expresses no preference.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > maxAcceptLength) return false
  const accepted = parseAccept(accept).filter(({ q }) => q > 0)
  const best = accepted.find(({ type }) => /^text\/(?:html|plain)$/i.test(type))
  return best?.type.toLowerCase() === 'text/html'
}
