import type { IncomingHttpHeaders } from 'node:http'
import type { GitRequest } from './git-route.ts'
import { pktLine } from './pkt-line.ts'
import type { Refusal } from '../refusal/refusal.ts'

/** The refusal of a POST as a reply in git's own protocol, which git shows to its user. */
export type InBandRefusal = { readonly contentType: string; readonly body: Buffer }

/**
 * git shows the text of a refused GET, but of a refused POST only "RPC failed; HTTP 503 curl 22". It does show the text
 * of a reply in its own protocol. For a fetch that is an `ERR` packet, in all versions of the protocol
 * (gitprotocol-pack(5)). For a push it is side-band 3, which ends the push and needs no list of references.
 *
 * @returns undefined where the status must say it: for other clients, which would not understand (libgit2 would say
 *   "early EOF", dulwich "unexpectedly closed"), and for 401, on which git asks for a log-in
 */
export function inBandRefusal(
  { kind, service }: GitRequest,
  headers: IncomingHttpHeaders,
  { status, sentence }: Refusal,
): InBandRefusal | undefined {
  if (kind !== 'rpc' || status === 401 || !isGit(headers['user-agent'])) return undefined
  const contentType = `application/x-git-${service}-result`
  const text = sentence.trimEnd()
  if (service === 'upload-pack') return { contentType, body: Buffer.from(pktLine(`ERR ${text}\n`)) }
  // git always offers side-band-64k. A git that was told not to use it fails as well, and reports a format error beside
  // the text.
  return { contentType, body: Buffer.from(pktLine(`\u0003${text}`)) }
}

/**
 * Whether this is git itself. libgit2, dulwich, go-git and isomorphic-git call themselves git, too, but know less of
 * its protocol.
 */
export function isGit(userAgent: string | undefined): boolean {
  return userAgent !== undefined && /^git\/[2-9]\.\d/.test(userAgent) && !userAgent.includes('libgit2')
}
