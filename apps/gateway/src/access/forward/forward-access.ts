import { createHmac, hash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { originOf } from '../../client/original-request.ts'
import type { OriginOptions } from '../../client/original-request.ts'
import { questionAbout } from './access-question.ts'
import type { About, Authority, Grant } from '../authority.ts'
import { isLikeToken, loginOf } from '../credentials.ts'
import type { LoginCredentials } from '../credentials.ts'
import { mostNameLength } from '../file/password-file.ts'

export type ForwardOptions = {
  readonly service: URL
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds for which an answer that lets somebody in is good; 0 is not at all. */
  readonly cache: number
  readonly origin: OriginOptions
}

const mostCached = 10_000
const mostRight = 100_000
const maxReplyBytes = 64 * 1024

/**
 * Asks the operator's own service, as nginx's auth_request does: 2xx lets the request in, 401 (407 to a proxy's log-in) asks
 * for a log-in, 403 and 404 say no. Whatever else happens lets nobody in.
 */
export function openForwardAccess(options: ForwardOptions, log: Logger): Authority {
  const { service, timeout, cache } = options
  const pool = new Pool(service.origin, { pipelining: 1, connections: null, connect: { timeout } })
  const allowed = new LRUCache<string, Grant>({ max: mostCached, ttl: Math.max(1, cache) })
  /** Log-ins for which the service has named a user, without which it may not have looked at them. */
  const right = new LRUCache<string, true>({ max: mostRight })
  const key = randomBytes(32)
  const digest = (question: unknown) => createHmac('sha256', key).update(JSON.stringify(question)).digest('base64')

  async function ask(
    question: Record<string, string>,
    credentials: LoginCredentials | undefined,
    about: About,
  ): Promise<Grant> {
    const { statusCode, headers } = await request(question, about)
    if (statusCode >= 200 && statusCode < 300) {
      const grant = grantOf(headers, credentials, about)
      if (credentials && grant.user !== undefined) right.set(digest(loginOf(credentials)), true)
      return grant
    }
    const isLogin = statusCode === 401 || statusCode === 407
    if (isLogin && credentials === undefined) return nothing
    if (isLogin) {
      right.delete(digest(loginOf(credentials!)))
      throw new Refusal('login_failed')
    }
    if (statusCode === 403 || statusCode === 404) return nothing
    throw unavailable(`it answered with ${statusCode}`)
  }

  async function request(question: Record<string, string>, about: About) {
    try {
      const reply = await pool.request({
        method: 'GET',
        path: `${service.pathname}${service.search}`,
        headers: { ...question, 'x-request-id': about.requestId },
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
    isTrusted: (credentials) => right.get(digest(loginOf(credentials))) === true,
    async decide(credentials, about) {
      const question = questionAbout(about, originOf(about.incoming, options.origin), credentials)
      if (cache === 0) return await ask(question, credentials, about)
      // Whatever the service is told, its answer may depend on.
      const asked = digest(question)
      const known = allowed.get(asked)
      if (known) return known
      const grant = await ask(question, credentials, about)
      if (grant.rights !== 'none') allowed.set(asked, grant)
      return grant
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

const nothing: Grant = { user: undefined, rights: 'none', mayCreate: false }

/**
 * How services name the user, the first that is there: Authelia (and Traefik's and Caddy's examples), oauth2-proxy with
 * `--set-xauthrequest`, oauth2-proxy and others as a proxy, authentik.
 */
const userHeaders = ['remote-user', 'x-auth-request-user', 'x-forwarded-user', 'x-authentik-username'] as const

/** @throws {Refusal} `login_unavailable` where the service names somebody who cannot be a user */
function grantOf(
  headers: Record<string, string | string[] | undefined>,
  credentials: LoginCredentials | undefined,
  { needs }: About,
): Grant {
  const user = userHeaders.map((name) => headers[name]).find((value) => value !== undefined && value !== '')
  if (user !== undefined && (typeof user !== 'string' || user.length > 8192 || /[^\x20-\x7e]/.test(user))) {
    throw new Refusal('login_unavailable', { cause: new Error('the service named a user that is not one of ASCII') })
  }
  const named = user === undefined ? undefined : withoutSecret(user, credentials)
  if (named !== undefined && named.length > mostNameLength) {
    throw new Refusal('login_unavailable', { cause: new Error('the service named a user with too long a name') })
  }
  return { user: named, rights: needs, mayCreate: needs === 'write' && headers['x-sluice-create'] === 'yes' }
}

/** A service that takes a token as a user name, and says that name again, must not have it written into logs and reflogs. */
function withoutSecret(user: string, credentials: LoginCredentials | undefined): string {
  return isSecret(user, credentials) ? `token-${hash('sha256', user).slice(0, 12)}` : user
}

function isSecret(user: string, credentials: LoginCredentials | undefined): boolean {
  if (credentials === undefined) return false
  if (credentials.kind === 'token') return user === credentials.token
  if (user !== credentials.user) return user === credentials.password
  return isLikeToken(user) || ['', 'x-oauth-basic'].includes(credentials.password)
}
