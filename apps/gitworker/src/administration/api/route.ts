import { splitTarget } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Operation } from '../operation/operation.ts'
import { creation, deletion, mirroring, named, purging, restoring } from './read-operation.ts'
import type { ReadOperation } from './read-operation.ts'

/** What a request asks for: something to read, or an operation, whose values are in the body. */
export type Route =
  | { readonly kind: 'list'; readonly pattern: string | undefined }
  | { readonly kind: 'show' | 'size'; readonly repository: string }
  | { readonly kind: 'trash' | 'mirrors' | 'cluster' }
  | { readonly kind: 'events'; readonly failed: boolean; readonly most: number }
  /** With a receiver in the body, or for all. */
  | { readonly kind: 'resend'; readonly event: string }
  | { readonly kind: 'ping'; readonly receiver: string }
  | { readonly kind: 'force' }
  | { readonly kind: 'operation'; readonly status: number; readonly read: (body: unknown) => Operation }

/** How many events one reply may have. */
const mostEvents = 10_000

type Methods = Readonly<Record<string, () => Route>>

/**
 * The name of a repository is one part of the path, percent-encoded: `/-/repositories/team%2Fproject/rename`.
 *
 * @throws {Refusal} `bad_address`, `wrong_method`, `no_such_operation`
 */
export function routeOf(method: string | undefined, target: string): Route {
  const [path = '', query = ''] = target.split(/\?(.*)/s, 2)
  const [root, dash, where, subject, action, ...rest] = path.split('/')
  if (root !== '' || dash !== '-' || rest.length > 0 || subject === '') throw unknown()
  const name = subject === undefined ? undefined : decoded(subject)
  if (where === 'repositories') return chosen(method, methodsOf(name, action, query))
  if (where === 'mirrors') return chosen(method, methodsOfMirrors(name, action))
  if (where === 'trash') return chosen(method, methodsOfTrash(name, action))
  if (where === 'events') return chosen(method, methodsOfEvents(name, action, query))
  if (where === 'receivers' && name !== undefined && action === 'test') {
    return chosen(method, { POST: () => ({ kind: 'ping', receiver: name }) })
  }
  if (where === 'cluster' && subject === undefined) return chosen(method, { GET: () => ({ kind: 'cluster' }) })
  if (where === 'cluster' && name === 'force' && action === undefined) {
    return chosen(method, { POST: () => ({ kind: 'force' }) })
  }
  throw unknown()
}

function methodsOf(name: string | undefined, action: string | undefined, query: string): Methods {
  if (name === undefined) {
    return { GET: () => ({ kind: 'list', pattern: patternIn(query) }), POST: () => operation(creation, '', 201) }
  }
  if (action === undefined) {
    return { GET: () => ({ kind: 'show', repository: name }), DELETE: () => operation(deletion, name) }
  }
  if (action === 'size') return { GET: () => ({ kind: 'size', repository: name }) }
  const read = Object.hasOwn(named, action) ? named[action] : undefined
  if (!read) throw unknown()
  return { POST: () => operation(read, name, action === 'fork' ? 201 : 200) }
}

function methodsOfTrash(id: string | undefined, action: string | undefined): Methods {
  if (id === undefined) return { GET: () => ({ kind: 'trash' }) }
  if (action === undefined) return { DELETE: () => operation(purging, id) }
  if (action === 'restore') return { POST: () => operation(restoring, id) }
  throw unknown()
}

function methodsOfMirrors(name: string | undefined, action: string | undefined): Methods {
  if (name === undefined) return { GET: () => ({ kind: 'mirrors' }) }
  if (action === 'run') return { POST: () => operation(mirroring, name) }
  throw unknown()
}

function methodsOfEvents(id: string | undefined, action: string | undefined, query: string): Methods {
  if (id === undefined) return { GET: () => eventsIn(query) }
  if (action === 'resend') return { POST: () => ({ kind: 'resend', event: id }) }
  throw unknown()
}

function operation(read: ReadOperation, subject: string, status = 200): Route {
  return { kind: 'operation', status, read: (body) => read(subject, body) }
}

function chosen(method: string | undefined, methods: Methods): Route {
  const choose = method !== undefined && Object.hasOwn(methods, method) ? methods[method] : undefined
  if (choose) return choose()
  const allowed = Object.keys(methods).join(', ')
  throw new Refusal('wrong_method', { sentence: `This address takes ${allowed} only.`, headers: { Allow: allowed } })
}

function eventsIn(query: string): Route {
  const values = new URLSearchParams(query)
  const most = Number(/^\d{1,5}$/.exec(values.get('most') ?? '100')?.[0] ?? NaN)
  if (most >= 1 && most <= mostEvents) return { kind: 'events', failed: values.get('failed') === 'yes', most }
  throw new Refusal('bad_operation', { sentence: `most must be a whole number from 1 to ${mostEvents}.` })
}

function patternIn(query: string): string | undefined {
  const pattern = new URLSearchParams(query).get('pattern') ?? undefined
  if (pattern !== undefined && pattern.length > 1000) {
    throw new Refusal('bad_operation', { sentence: 'The pattern is too long: 1000 characters at most.' })
  }
  return pattern
}

/** @throws {Refusal} `bad_address` */
function decoded(part: string): string {
  return splitTarget(`/${part}`).path.slice(1)
}

function unknown(): Refusal {
  return new Refusal('no_such_operation')
}
