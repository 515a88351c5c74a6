import type { IncomingHttpHeaders } from 'node:http'
import { isGitAddress, parseGitRequest, splitTarget, targetOf as targetOfGit } from '../git/git-route.ts'
import type { GitRequest } from '../git/git-route.ts'
import { isLfsAddress, lfsTargetBelow, parseLfsRequest } from './lfs-request.ts'
import type { LfsRequest } from './lfs-request.ts'

/** Whatever a client asks of a repository. Its `service` tells which. */
export type RemoteRequest = GitRequest | LfsRequest

/** @throws {Refusal} with the reason, before anything was opened or started */
export function parseRemoteRequest(request: {
  method?: string | undefined
  url?: string | undefined
  headers: IncomingHttpHeaders
}): RemoteRequest {
  return asksForLfs(request.url) ? parseLfsRequest(request) : parseGitRequest(request)
}

/** Whether a request target is one of LFS's, whatever else may be wrong with it. */
export function asksForLfs(target: string | undefined): boolean {
  // Nearly all requests are git's, and they are not decoded for this.
  if (target === undefined || !/lfs|%/i.test(target)) return false
  try {
    const { path } = splitTarget(target)
    return !isGitAddress(path) && isLfsAddress(path)
  } catch {
    return false
  }
}

export function isLfs(request: RemoteRequest): request is LfsRequest {
  return request.service === 'lfs'
}

/**
 * Whether a request needs the right to write, and in a cluster the primary. The advertisement of a push counts, and so does
 * a batch that does not say what it is for.
 */
export function isWrite(request: RemoteRequest): boolean {
  switch (request.service) {
    case 'upload-pack':
      return false
    case 'receive-pack':
      return true
    case 'lfs':
      return isLfsWrite(request)
    default:
      return request satisfies never
  }
}

function isLfsWrite(request: LfsRequest): boolean {
  switch (request.kind) {
    case 'download':
      return false
    case 'upload':
    case 'verify':
      return true
    case 'batch':
      return request.operation !== 'download'
    case 'locks':
      return request.action !== 'list'
    default:
      return request satisfies never
  }
}

/**
 * Whether doing it twice can differ from doing it once, so that it must not be sent again once it may have begun. An object
 * that is uploaded twice is one.
 */
export function countsTwice(request: RemoteRequest): boolean {
  if (request.service === 'lfs') return request.kind === 'locks' && isLfsWrite(request)
  return request.service === 'receive-pack' && request.kind === 'rpc'
}

/** Whether it has a body that the host has to read. */
export function hasBody(request: RemoteRequest): boolean {
  return methodOf(request) !== 'GET'
}

export function methodOf(request: RemoteRequest): 'GET' | 'PUT' | 'POST' {
  if (request.service !== 'lfs') return request.kind === 'rpc' ? 'POST' : 'GET'
  if (request.kind === 'upload') return 'PUT'
  return request.kind === 'download' || (request.kind === 'locks' && request.action === 'list') ? 'GET' : 'POST'
}

/**
 * The request target for the same request on another server. It is encoded again, so nothing of the original's form
 * survives.
 */
export function targetOf(request: RemoteRequest): string {
  if (request.service !== 'lfs') return targetOfGit(request)
  const repository = request.repository.split('/').map(encodeURIComponent).join('/')
  return `/${repository}/info/lfs${lfsTargetBelow(request)}`
}
