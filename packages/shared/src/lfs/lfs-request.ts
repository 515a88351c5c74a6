import type { IncomingHttpHeaders } from 'node:http'
import { splitTarget } from '../git/git-route.ts'
import { checkRepositoryName } from '../git/repository-name.ts'
import { Refusal } from '../refusal/refusal.ts'
import { lfsMediaType } from './media-type.ts'

/*
 * The requests of Git LFS, below `R.git/info/lfs`, where its clients look for them.
 *
 * Source: docs/api/server-discovery.md, batch.md, basic-transfers.md and locking.md of https://github.com/git-lfs/git-lfs
 */

/** What a client says in a batch that it wants to do with objects. */
export type LfsOperation = 'download' | 'upload'

type OfLfs = {
  readonly service: 'lfs'
  /** Decoded, checked by the name rules, without a leading slash: `team/project.git`. */
  readonly repository: string
  /** LFS has no versions of its protocol in its requests. */
  readonly version?: undefined
}

/** `POST objects/batch`: which of these objects are there, and where are they, or where do they go? */
export type LfsBatch = OfLfs & {
  readonly kind: 'batch'
  /** As a gateway tells a host. Undefined from a client: its body says it. */
  readonly operation: LfsOperation | undefined
}

/** `GET objects/OID` and `PUT objects/OID`: the object itself. */
export type LfsTransfer = OfLfs & {
  readonly kind: LfsOperation
  /** The SHA-256 of the object: 64 hexadecimal digits in lower case. */
  readonly oid: string
}

/** `POST objects/verify`: has the object that was uploaded arrived? */
export type LfsVerify = OfLfs & { readonly kind: 'verify' }

/** `GET locks`, `POST locks`, `POST locks/verify` and `POST locks/ID/unlock`. */
export type LfsLocks = OfLfs & {
  readonly kind: 'locks'
  readonly action: 'list' | 'create' | 'verify' | 'unlock'
  /** Of the lock that is to be unlocked; undefined for every other action. */
  readonly lock: string | undefined
  /** Of `list`, as it was sent. */
  readonly query: string
}

export type LfsRequest = LfsBatch | LfsTransfer | LfsVerify | LfsLocks

/** Whether a decoded path is one of LFS's, whatever else may be wrong with the request. */
export function isLfsAddress(path: string): boolean {
  return partsOf(path) !== undefined
}

const marker = '/info/lfs'

/** The last `info/lfs` counts: a repository may itself be called so. */
function partsOf(path: string): { readonly repository: string; readonly below: string } | undefined {
  const at = path.lastIndexOf(marker)
  const below = path.slice(at + marker.length)
  const isAddress = at > 1 && (below === '' || below.startsWith('/'))
  return isAddress ? { repository: path.slice(1, at), below } : undefined
}

/**
 * Turns an HTTP request for an address of LFS's into a repository and what is asked of it.
 *
 * @throws {Refusal} with the reason, before anything was opened or started
 */
export function parseLfsRequest(request: {
  method?: string | undefined
  url?: string | undefined
  headers: IncomingHttpHeaders
}): LfsRequest {
  const { path, query } = splitTarget(request.url ?? '')
  const { repository, below } = partsOf(path) ?? { repository: '', below: '' }
  const found = endpointOf(below)
  if (!found) throw new Refusal('lfs_unknown_address')
  checkRepositoryName(repository)
  const { endpoint, part } = found
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
  const make = Object.hasOwn(endpoint, method) ? endpoint[method as Method] : undefined
  if (!make) throw wrongMethod(Object.keys(endpoint))
  if (method === 'POST') checkContentType(request.headers['content-type'])
  return { service: 'lfs', repository, ...make({ part, query }) }
}

type Method = 'GET' | 'PUT' | 'POST'

/** What an endpoint adds to a request. */
type Made =
  | Omit<LfsBatch, keyof OfLfs>
  | Omit<LfsTransfer, keyof OfLfs>
  | Omit<LfsVerify, keyof OfLfs>
  | Omit<LfsLocks, keyof OfLfs>

/** @param part what the form of the address has in parentheses */
type Make = (asked: { readonly part: string; readonly query: string }) => Made

const locks = { kind: 'locks', lock: undefined, query: '' } as const

/** By the forms of their addresses below `info/lfs`. The first that fits counts. */
const endpoints: readonly (readonly [form: RegExp, endpoint: Readonly<Partial<Record<Method, Make>>>])[] = [
  [/^\/objects\/batch\/?$/, { POST: ({ query }) => ({ kind: 'batch', operation: operationIn(query) }) }],
  [/^\/objects\/verify\/?$/, { POST: () => ({ kind: 'verify' }) }],
  [
    /^\/objects\/([^/]*)$/,
    {
      GET: ({ part }) => ({ kind: 'download', oid: checkedOid(part) }),
      PUT: ({ part }) => ({ kind: 'upload', oid: checkedOid(part) }),
    },
  ],
  [
    /^\/locks\/?$/,
    {
      GET: ({ query }) => ({ ...locks, action: 'list', query: checkedQuery(query) }),
      POST: () => ({ ...locks, action: 'create' }),
    },
  ],
  [/^\/locks\/verify\/?$/, { POST: () => ({ ...locks, action: 'verify' }) }],
  [/^\/locks\/([\w-]{1,128})\/unlock\/?$/, { POST: ({ part }) => ({ ...locks, action: 'unlock', lock: part }) }],
]

function endpointOf(below: string) {
  for (const [form, endpoint] of endpoints) {
    const match = form.exec(below)
    if (match) return { endpoint, part: match[1] ?? '' }
  }
  return undefined
}

/** SHA-256 is the only hash function of LFS (docs/spec.md). Its clients write lower case. */
const oidForm = /^[0-9a-f]{64}$/

export function isOid(text: string): boolean {
  return oidForm.test(text)
}

function checkedOid(text: string): string {
  if (isOid(text)) return text
  throw new Refusal('lfs_bad_object_name')
}

const maxQueryLength = 4096

function checkedQuery(query: string): string {
  if (query.length <= maxQueryLength && /^[\x21-\x7e]*$/.test(query)) return query
  throw new Refusal('bad_address')
}

function operationIn(query: string): LfsOperation | undefined {
  const told = new URLSearchParams(query).get('operation')
  return told === 'download' || told === 'upload' ? told : undefined
}

function wrongMethod(methods: readonly string[]): Refusal {
  const allowed = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  const sentence = `This address takes ${allowed.join(' and ')} only.`
  return new Refusal('wrong_method', { sentence, headers: { Allow: allowed.join(', ') } })
}

/** With or without parameters, such as a character set. */
function checkContentType(contentType: string | undefined): void {
  if (contentType?.split(';', 1)[0]?.trim().toLowerCase() === lfsMediaType) return
  throw new Refusal('wrong_content_type', { sentence: `The Content-Type must be ${lfsMediaType}.` })
}

/** The request target for the same request on a host, without the repository. */
export function lfsTargetBelow(request: LfsRequest): string {
  switch (request.kind) {
    case 'batch':
      return request.operation === undefined ? '/objects/batch' : `/objects/batch?operation=${request.operation}`
    case 'download':
    case 'upload':
      return `/objects/${request.oid}`
    case 'verify':
      return '/objects/verify'
    case 'locks':
      return `/locks${locksTarget(request)}`
    default:
      return request satisfies never
  }
}

function locksTarget({ action, lock, query }: LfsLocks): string {
  if (action === 'unlock') return `/${lock}/unlock`
  if (action === 'verify') return '/verify'
  return query === '' ? '' : `?${query}`
}
