import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'
import type { Logger } from '@sluice/shared/log'
import { Refusal } from '@sluice/shared/refusal'
import type { About, Authority, Grant } from './authority.ts'
import type { LoginCredentials } from './credentials.ts'

export type ForwardOptions = {
  readonly service: URL
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds for which an answer that lets somebody in is good; 0 is not at all. */
  readonly cache: number
}

const mostCached = 10_000
const maxReplyBytes = 64 * 1024

/**
 * Asks the operator's own service, as nginx's auth_request does: 2xx lets the request in, 401 asks for a log-in, 403 and
 * 404 say no. Whatever else happens lets nobody in.
 */
export function openForwardAccess({ service, timeout, cache }: ForwardOptions, log: Logger): Authority {
  const pool = new Pool(service.origin, { pipelining: 1, connections: null, connect: { timeout } })
  const allowed = new LRUCache<string, Grant>({ max: mostCached, ttl: Math.max(1, cache) })
  const key = randomBytes(32)

  async function ask(credentials: LoginCredentials | undefined, about: About): Promise<Grant> {
    const { statusCode, headers } = await request(credentials, about)
    if (statusCode >= 200 && statusCode < 300) return grantOf(headers, about)
    if (statusCode === 401 && credentials === undefined) return nothing
    if (statusCode === 401) throw new Refusal('login_failed')
    if (statusCode === 403 || statusCode === 404) return nothing
    throw unavailable(`it answered with ${statusCode}`)
  }

  async function request(credentials: LoginCredentials | undefined, about: About) {
    try {
      const reply = await pool.request({
        method: 'GET',
        path: `${service.pathname}${service.search}`,
        headers: headersFor(credentials, about),
        signal: AbortSignal.any([about.signal, AbortSignal.timeout(timeout)]),
      })
      await reply.body.dump({ limit: maxReplyBytes })
      return reply
    } catch (error) {
      if (about.signal.aborted) throw about.signal.reason
      throw unavailable(`it did not answer: ${(error as Error).message}`, error)
    }
  }

  function unavailable(problem: string, cause?: unknown): Refusal {
    log.error(`SLUICE_ACCESS_SERVICE: ${service.origin}${service.pathname} let nobody in: ${problem}`)
    return new Refusal('login_unavailable', { cause })
  }

  return {
    asksForLogin: true,
    async decide(credentials, about) {
      if (cache === 0) return await ask(credentials, about)
      const question = JSON.stringify([credentials?.header, about.repository, about.needs, about.address])
      const digest = createHmac('sha256', key).update(question).digest('base64')
      const known = allowed.get(digest)
      if (known) return known
      const grant = await ask(credentials, about)
      if (grant.rights !== 'none') allowed.set(digest, grant)
      return grant
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

const nothing: Grant = { user: undefined, rights: 'none', mayCreate: false }

function headersFor(credentials: LoginCredentials | undefined, about: About): Record<string, string> {
  return {
    'x-sluice-repository': encodeURIComponent(about.repository),
    'x-sluice-needs': about.needs,
    'x-forwarded-for': about.address,
    'x-request-id': about.requestId,
    ...(credentials && { authorization: credentials.header }),
  }
}

/** The service names the user in `Remote-User`, and says with `X-Sluice-Create: yes` that a push may create. */
function grantOf(headers: Record<string, string | string[] | undefined>, { needs }: About): Grant {
  const user = headers['remote-user']
  if (
    user !== undefined &&
    (typeof user !== 'string' || user === '' || user.length > 256 || /[^\x20-\x7e]/.test(user))
  ) {
    throw new Refusal('login_unavailable', { cause: new Error('the service named a user that is not one of ASCII') })
  }
  return { user, rights: needs, mayCreate: needs === 'write' && headers['x-sluice-create'] === 'yes' }
}
