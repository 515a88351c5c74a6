import type { Exchange } from '@sluice/shared/exchange'
import type { GitRequest } from '@sluice/shared/git-request'
import { Refusal } from '@sluice/shared/refusal'
import { plainName } from '@sluice/shared/repository-pattern'
import { repositoryMissing } from '@sluice/shared/repository-missing'
import { sourceKey } from '@sluice/shared/source'
import type { Authority, Grant } from './authority.ts'
import { readCredentials } from './credentials.ts'
import type { Credentials } from './credentials.ts'
import type { LoginThrottle } from './login-throttle.ts'

/** How git learns that it is to ask its user, or its credential helper (RFC 9110 section 11.6.1, RFC 7617). */
const challenge = { 'WWW-Authenticate': 'Basic realm="Sluice", charset="UTF-8"' }

/**
 * Who may do what: asked once for each request, before anything is opened, started or sent on. What is decided on is the
 * repository's name, and never whether it exists: nothing here could tell.
 *
 *     no credentials ──▶ may anyone do this? ──no──▶ 401
 *     credentials ──▶ wait if this source has failed before ──▶ are they right? ──no──▶ 401
 *                                                                    │ yes
 *             404, as if it did not exist ◀──no── may this user read? ┴──yes──▶ may this user push? ──no──▶ 403
 */
export class Access {
  readonly #authority: Authority
  readonly #throttle: LoginThrottle

  constructor(authority: Authority, throttle: LoginThrottle) {
    this.#authority = authority
    this.#throttle = throttle
  }

  /** Why nobody can be let in at the moment, in words, where that is so. */
  get problem(): string | undefined {
    return this.#authority.problem
  }

  /**
   * @returns who asks, and what of it the host needs to know
   * @throws {Refusal} `login_required`, `login_failed`, `login_busy`, `login_unavailable`, `too_many_logins`,
   *   `repository_missing` or `push_forbidden`
   */
  async authorise(exchange: Exchange, request: GitRequest): Promise<Grant> {
    if (!this.#authority.asksForLogin) return await this.#authority.decide(undefined, aboutOf(exchange, request))
    const credentials = readCredentials(exchange.incoming.headers.authorization)
    const grant = await this.#decide(credentials, exchange, request)
    exchange.user = grant.user
    checkRights(grant, credentials, request)
    return grant
  }

  async #decide(credentials: Credentials | undefined, exchange: Exchange, request: GitRequest): Promise<Grant> {
    const about = aboutOf(exchange, request)
    if (credentials === undefined) return await this.#authority.decide(undefined, about)
    const throttled = await this.#throttle.admit(credentials, about.source, exchange.signal)
    try {
      if (credentials.kind === 'unreadable') throw new Refusal('login_failed', { sentence: credentials.problem })
      const grant = await this.#authority.decide(credentials, about)
      throttled.succeeded()
      return grant
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason !== 'login_failed') throw error
      throttled.failed()
      throw new Refusal('login_failed', { sentence: error.sentence, headers: challenge, cause: error.cause })
    }
  }
}

function aboutOf(exchange: Exchange, request: GitRequest) {
  return {
    repository: plainName(request.repository),
    needs: request.service === 'receive-pack' ? 'write' : 'read',
    address: exchange.source,
    source: sourceKey(exchange.source),
    requestId: exchange.id,
    signal: exchange.signal,
  } as const
}

function checkRights({ rights }: Grant, credentials: Credentials | undefined, { service }: GitRequest): void {
  const isPush = service === 'receive-pack'
  if (rights === 'write' || (rights === 'read' && !isPush)) return
  if (credentials === undefined) throw new Refusal('login_required', { headers: challenge })
  throw rights === 'none' ? repositoryMissing(service) : new Refusal('push_forbidden')
}
