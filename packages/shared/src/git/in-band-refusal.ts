import type { IncomingHttpHeaders } from 'node:http'
import type { GitRequest } from './git-route.ts'
import { pktLine } from './pkt-line.ts'
import type { Refusal } from '../refusal/refusal.ts'

/** What a POST's refusal is for git: a reply of its own protocol, which it shows to its user. */
export type InBandRefusal = { readonly contentType: string; readonly body: Buffer }

/**
 * git shows the text of a refused GET, and of a refused POST only "RPC failed; HTTP 503 curl 22". What comes as a reply of
 * git's protocol it does show: `ERR` for a fetch (all versions of the protocol, gitprotocol-pack(5)), side-band 3 for a
 * push, which ends it and needs no list of its references.
 *
 * @returns undefined where the status must say it: to other clients (libgit2 says "early EOF" then, dulwich "unexpectedly
 *   closed"), and where git acts on it (401: it asks for a log-in)
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
  // git always offers side-band-64k. Told not to use it, it still fails, and shows this with a word about its form.
  return { contentType, body: Buffer.from(pktLine(`\u0003${text}`)) }
}

/** git itself. libgit2, dulwich, go-git and isomorphic-git call themselves git, too, and understand less of its protocol. */
export function isGit(userAgent: string | undefined): boolean {
  return userAgent !== undefined && /^git\/[2-9]\.\d/.test(userAgent) && !userAgent.includes('libgit2')
}
