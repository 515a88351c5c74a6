import type { IncomingHttpHeaders } from 'node:http'
import { Refusal } from '../refusal/refusal.ts'
import { archiveIn } from './archive-name.ts'
import type { ArchiveName } from './archive-name.ts'
import { checkRepositoryName } from './repository-name.ts'

export type Service = 'upload-pack' | 'receive-pack'

/**
 * A request of git's smart HTTP protocol, or for something else of a repository, parsed and checked. The gateway and the
 * supervisor both work from it.
 */
export type GitRequest = {
  /**
   * `advertisement` is `GET …/info/refs`, `rpc` is `POST …/git-upload-pack` or `…/git-receive-pack`, `archive` is `GET
   * …/archive/main.tar.gz`, `bundle` is `GET …/bundles/3f2a….bundle`.
   */
  readonly kind: 'advertisement' | 'rpc' | 'archive' | 'bundle'
  /** Whose rights it needs: archives and bundles are read as by a fetch. */
  readonly service: Service
  /** Only of an archive. */
  readonly archive?: ArchiveName
  /** Only of a bundle: the commit that it leads to. */
  readonly bundle?: string
  /** Decoded, checked by the name rules, without a leading slash: `team/project.git`. */
  readonly repository: string
  /** The `Git-Protocol` header as it was sent, or undefined. */
  readonly protocol: string | undefined
  /** The protocol version that `protocol` asks for; 0 where it says nothing. */
  readonly version: 0 | 1 | 2
}

/**
 * The one place that turns an HTTP request into a repository name and a service.
 *
 * Source: git's gitprotocol-http(5), and http-backend.c for what it leaves open.
 *
 * @throws {Refusal} with the reason, before anything was opened or started
 */
export function parseGitRequest(request: {
  method?: string | undefined
  url?: string | undefined
  headers: IncomingHttpHeaders
}): GitRequest {
  const { path, query } = splitTarget(request.url ?? '')
  const endpoint = matchEndpoint(path)
  if (endpoint === undefined) throw new Refusal('not_a_git_address')
  const { kind, method, repository } = endpoint
  checkRepositoryName(repository)
  checkMethod(method, request.method)
  const service = endpoint.kind === 'advertisement' ? serviceOfQuery(query) : endpoint.service
  if (kind === 'rpc') checkContentType(service, request.headers['content-type'])
  const protocol = checkProtocol(request.headers['git-protocol'])
  const file = endpoint.kind === 'archive' || endpoint.kind === 'bundle' ? endpoint.file : {}
  return { kind, service, repository, ...file, protocol, version: versionOf(protocol) }
}

/** HEAD is GET without the body of the reply (RFC 9110 section 9.3.2), which Node leaves out by itself. */
function checkMethod(expected: 'GET' | 'POST', method: string | undefined): void {
  if (method === expected || (expected === 'GET' && method === 'HEAD')) return
  const allowed = expected === 'GET' ? ['GET', 'HEAD'] : ['POST']
  const sentence = `This address takes ${allowed.join(' and ')} only.`
  throw new Refusal('wrong_method', { sentence, headers: { Allow: allowed.join(', ') } })
}

/**
 * The request target for the same request on another server. It is encoded again, so nothing of the original's form
 * survives.
 */
export function targetOf(request: GitRequest): string {
  const repository = pathOf(request.repository)
  if (request.bundle !== undefined) return `/${repository}/bundles/${request.bundle}.bundle`
  if (request.archive) return `/${repository}/archive/${pathOf(request.archive.ref)}.${request.archive.format}`
  return request.kind === 'advertisement'
    ? `/${repository}/info/refs?service=git-${request.service}`
    : `/${repository}/git-${request.service}`
}

function pathOf(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

/**
 * A request target's decoded path, and its query. Several slashes in a row count as one, as for other servers: so
 * `//demo.git` and `demo.git//info/refs` work.
 *
 * @throws {Refusal} `bad_address`
 */
export function splitTarget(target: string): { path: string; query: string } {
  const originForm = target.replace(/^https?:\/\/[^/?]*/i, '')
  const [encodedPath = '', query = ''] = originForm.split(/\?(.*)/s, 2)
  return { path: decodeOnce(encodedPath).replace(/\/{2,}/g, '/'), query }
}

/** Percent-decodes once. Node gives the target's raw bytes as Latin-1; decoded, they must be UTF-8. */
function decodeOnce(encoded: string): string {
  if (/%(?![0-9a-f]{2})/i.test(encoded)) throw new Refusal('bad_address')
  const bytes = encoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'))
  } catch (cause) {
    throw new Refusal('bad_address', { cause })
  }
}

/** gitprotocol-http(5). The service of an advertisement is in the query. */
const endpoints = {
  '/info/refs': { kind: 'advertisement', method: 'GET' },
  '/git-upload-pack': { kind: 'rpc', method: 'POST', service: 'upload-pack' },
  '/git-receive-pack': { kind: 'rpc', method: 'POST', service: 'receive-pack' },
} as const

function matchEndpoint(path: string) {
  for (const [suffix, endpoint] of Object.entries(endpoints)) {
    if (path.endsWith(suffix) && path.length > suffix.length) {
      return { ...endpoint, repository: path.slice(1, -suffix.length) }
    }
  }
  const archive = archiveIn(path)
  if (archive) return { ...aFile, ...archive, kind: 'archive' } as const
  const [, bundled, bundle] = /^\/(.+)\/bundles\/([0-9a-f]{40}|[0-9a-f]{64})\.bundle$/s.exec(path) ?? []
  if (bundled === undefined || bundle === undefined) return undefined
  return { ...aFile, kind: 'bundle', repository: bundled, file: { bundle } } as const
}

/** What is read like a file, with the rights of a fetch. */
const aFile = { method: 'GET', service: 'upload-pack' } as const

/**
 * Whether a decoded path belongs to git's smart HTTP, to an archive or to a bundle, whatever else may be wrong with the request.
 *
 * @throws {Refusal} `bad_archive_name`
 */
export function isGitAddress(path: string): boolean {
  return matchEndpoint(path) !== undefined
}

function serviceOfQuery(query: string): Service {
  const service = new URLSearchParams(query).get('service')
  if (service === null) throw new Refusal('not_smart_http')
  if (service === 'git-upload-pack') return 'upload-pack'
  if (service === 'git-receive-pack') return 'receive-pack'
  if (service === 'git-upload-archive') throw new Refusal('archive_not_offered')
  throw new Refusal('unknown_service')
}

function checkContentType(service: Service, contentType: string | undefined): void {
  const expected = `application/x-git-${service}-request`
  if (contentType?.toLowerCase() === expected) return
  throw new Refusal('wrong_content_type', { sentence: `The Content-Type must be ${expected}.` })
}

const maxProtocolBytes = 256

/** gitprotocol-v2(5): colon-separated keys, each with an optional value. */
const protocolForm = /^[a-z0-9-]+(=[\w.+-]*)?(:[a-z0-9-]+(=[\w.+-]*)?)*$/i

function checkProtocol(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header !== 'string' || header.length > maxProtocolBytes || !protocolForm.test(header)) {
    throw new Refusal('bad_protocol')
  }
  return header
}

/** The highest version that a key asks for, as in git's determine_protocol_version_server. */
function versionOf(protocol: string | undefined): 0 | 1 | 2 {
  const keys = protocol?.split(':') ?? []
  if (keys.includes('version=2')) return 2
  if (keys.includes('version=1')) return 1
  return 0
}
