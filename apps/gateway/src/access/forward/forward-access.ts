import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'
import type { Logger } from '@sluice/shared/telemetry/log'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { originOf } from '../../client/original-request.ts'
import type { OriginOptions } from '../../client/original-request.ts'
import { questionAbout } from './access-question.ts'
import { userIn } from './service-reply.ts'
import type { ReplyHeaders } from './service-reply.ts'
import type { About, Authority, Grant } from '../authority.ts'
import { loginOf } from '../credentials.ts'
import type { LoginCredentials } from '../credentials.ts'

export type ForwardOptions = {
  readonly service: URL
  /** Milliseconds. */
  readonly timeout: number
  /**
   * Milliseconds for which an answer that lets a request in is remembered. 0: the service is asked about each request.
   */
  readonly cache: number
  readonly origin: OriginOptions
}

const mostCached = 10_000
const mostRight = 100_000
const maxReplyBytes = 64 * 1024

const nothing: Grant = { user: undefined, rights: 'none', mayCreate: false }

/**
 * Asks the operator's own service about each request, as nginx's auth_request does. 2xx lets the request in; 401, or
 * 407 for a log-in to a proxy, asks for a log-in; 403 and 404 refuse it. Whatever else happens lets nobody in.
 */
export function openForwardAccess(options: ForwardOptions, log: Logger): Authority {
  return new ForwardAccess(options, log)
}

class ForwardAccess implements Authority {
  readonly asksForLogin = true
  readonly #options: ForwardOptions
  readonly #log: Logger
  readonly #pool: Pool
  /** By everything that the service was told, because its answer may depend on any of it. */
  readonly #allowed: LRUCache<string, Grant>
  /** Log-ins for which the service has named a user. If it names none, it may not have looked at the log-in at all. */
  readonly #right = new LRUCache<string, true>({ max: mostRight })
  readonly #key = randomBytes(32)

  constructor(options: ForwardOptions, log: Logger) {
    const { service, timeout, cache } = options
    this.#options = options
    this.#log = log
    this.#pool = new Pool(service.origin, { pipelining: 1, connections: null, connect: { timeout } })
    this.#allowed = new LRUCache({ max: mostCached, ttl: Math.max(1, cache) })
  }

  isTrusted(credentials: LoginCredentials): boolean {
    return this.#right.get(this.#digest(loginOf(credentials))) === true
  }

  async decide(credentials: LoginCredentials | undefined, about: About): Promise<Grant> {
    const { cache, origin } = this.#options
    const question = questionAbout(about, originOf(about.incoming, origin), credentials)
    if (cache === 0) return await this.#ask(question, credentials, about)
    const asked = this.#digest(question)
    const known = this.#allowed.get(asked)
    if (known) return known
    const grant = await this.#ask(question, credentials, about)
    if (grant.rights !== 'none') this.#allowed.set(asked, grant)
    return grant
  }

  async #ask(question: Question, credentials: LoginCredentials | undefined, about: About): Promise<Grant> {
    const { statusCode, headers } = await this.#request(question, about)
    if (statusCode >= 200 && statusCode < 300) {
      const grant = grantOf(headers, credentials, about)
      if (credentials && grant.user !== undefined) this.#right.set(this.#digest(loginOf(credentials)), true)
      return grant
    }
    const isLogin = statusCode === 401 || statusCode === 407
    if (isLogin && credentials !== undefined) {
      this.#right.delete(this.#digest(loginOf(credentials)))
      throw new Refusal('login_failed')
    }
    if (isLogin || statusCode === 403 || statusCode === 404) return nothing
    throw this.#unavailable(`it answered with ${statusCode}`)
  }

  async #request(question: Question, about: About) {
    const { service, timeout } = this.#options
    try {
      const reply = await this.#pool.request({
        method: 'GET',
        path: `${service.pathname}${service.search}`,
        headers: { ...question, 'x-request-id': about.requestId },
        signal: AbortSignal.any([about.signal, AbortSignal.timeout(timeout)]),
      })
      await reply.body.dump({ limit: maxReplyBytes })
      return reply
    } catch (error) {
      if (about.signal.aborted) throw about.signal.reason
      throw this.#unavailable(`it did not answer: ${(error as Error).message}`, error)
    }
  }

  #unavailable(problem: string, cause?: unknown): Refusal {
    const { service } = this.#options
    this.#log.error(`SLUICE_ACCESS_SERVICE: ${service.origin}${service.pathname} let nobody in: ${problem}`)
    return new Refusal('login_unavailable', { cause })
  }

  /** Log-ins are kept as keyed digests only. */
  #digest(value: unknown): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(value)).digest('base64')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
  }
}

type Question = Record<string, string>

/** @throws {Refusal} `login_unavailable` where the service names somebody who cannot be a user */
function grantOf(headers: ReplyHeaders, credentials: LoginCredentials | undefined, { needs }: About): Grant {
  const mayCreate = needs === 'write' && headers['x-sluice-create'] === 'yes'
  return { user: userIn(headers, credentials), rights: needs, mayCreate }
}
