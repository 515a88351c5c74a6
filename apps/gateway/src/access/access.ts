import type { Exchange } from '@sluice/shared/exchange/exchange'
import { isWrite, methodOf, targetOf } from '@sluice/shared/lfs/remote-request'
import type { RemoteRequest } from '@sluice/shared/lfs/remote-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { plainName } from '@sluice/shared/git/repository-name'
import { repositoryMissing } from '@sluice/shared/git/repository-missing'
import { clientKey } from '@sluice/shared/admission/client-key'
import type { About, Authority, Grant } from './authority.ts'
import { loginOf, readCredentials } from './credentials.ts'
import type { Credentials, LoginCredentials } from './credentials.ts'
import type { Login, LoginThrottle, Verdict } from './throttle/login-throttle.ts'

/** On this, git asks its user or its credential helper for a log-in (RFC 9110 section 11.6.1, RFC 7617). */
const challenge = { 'WWW-Authenticate': 'Basic realm="Sluice", charset="UTF-8"' }

/** What the log says of a log-in. */
export type LoginRecord = {
  /** The id of the token that was sent. Undefined where there is none, or where tokens have no ids. */
  token: string | undefined
  /**
   * Whose log-in has failed, or `unknown`. A name that there is not could be a password, typed in the wrong place, so it
   * is not told.
   */
  triedUser?: string | undefined
}

/**
 * Decides who may do what: once for each request, before anything is opened, started or sent on. The decision depends
 * on the repository's plain name only. Whether the repository exists is not known here.
 *
 *     no credentials ──▶ may anyone do this? ──no──▶ 401
 *     credentials ──▶ known to be right? ──no──▶ wait if such have failed ──▶ are they right? ──no──▶ 401
 *                          │ yes                                                   │ yes
 *                          ▼                                                       ▼
 *             404, as if it did not exist ◀──no── may this user read? ──yes──▶ may this user push? ──no──▶ 403
 *
 * A log-in that was right before and is wrong now is checked first, and waits afterwards.
 */
export class Access {
  readonly #authority: Authority
  readonly #throttle: LoginThrottle

  constructor(authority: Authority, throttle: LoginThrottle) {
    this.#authority = authority
    this.#throttle = throttle
  }

  /** Why nobody can be let in at the moment, in words. Undefined where somebody can be. */
  get problem(): string | undefined {
    return this.#authority.problem
  }

  /**
   * @param record gets what the log says of the log-in, also where this throws
   * @returns the user, and what the host needs to know of the user's rights
   * @throws {Refusal} `login_required`, `login_failed`, `login_busy`, `login_unavailable`, `too_many_logins`,
   *   `repository_missing` or `push_forbidden`
   */
  async authorise(exchange: Exchange, request: RemoteRequest, record: LoginRecord): Promise<Grant> {
    if (!this.#authority.asksForLogin) return await this.#authority.decide(undefined, aboutOf(exchange, request))
    const credentials = readCredentials(exchange.incoming.headers.authorization)
    const grant = await this.#decide(credentials, exchange, request).catch((error: unknown) => {
      if (isFailure(error)) record.triedUser = this.#nameTried(credentials, error)
      throw error
    })
    exchange.user = grant.user
    record.token = grant.token
    checkRights(grant, credentials, request)
    return grant
  }

  #nameTried(credentials: Credentials | undefined, refusal: Refusal): string {
    const isReadable = credentials !== undefined && credentials.kind !== 'unreadable'
    return (isReadable && this.#authority.nameTried?.(credentials, refusal)) || 'unknown'
  }

  async #decide(credentials: Credentials | undefined, exchange: Exchange, request: RemoteRequest): Promise<Grant> {
    const about = aboutOf(exchange, request)
    if (credentials === undefined) return await this.#authority.decide(undefined, about)
    try {
      // These are no guess, and refusing them costs nothing, so they need not wait.
      if (credentials.kind === 'unreadable') throw new Refusal('login_failed', { sentence: credentials.problem })
      return this.#authority.isTrusted(credentials)
        ? await this.#decideFirst(credentials, about)
        : await this.#decideInTurn(credentials, about)
    } catch (error) {
      if (!isWrong(error)) throw error
      throw new Refusal('login_failed', { sentence: error.sentence, headers: challenge, cause: error.cause })
    }
  }

  /** A right log-in does not wait, even if others behind the same address fail. A wrong one waits for its answer. */
  async #decideFirst(credentials: LoginCredentials, about: About): Promise<Grant> {
    try {
      return await this.#authority.decide(credentials, about)
    } catch (error) {
      if (!isWrong(error)) throw error
      const attempt = await this.#throttle.admit(loginFrom(about, credentials), about.signal)
      if (attempt !== 'right' && !(attempt instanceof Refusal)) attempt.settle(error)
      throw error
    }
  }

  async #decideInTurn(credentials: LoginCredentials, about: About): Promise<Grant> {
    const attempt = await this.#throttle.admit(loginFrom(about, credentials), about.signal)
    if (attempt instanceof Refusal) throw attempt
    if (attempt === 'right') return await this.#authority.decide(credentials, about)
    let verdict: Verdict = 'unknown'
    try {
      const grant = await this.#authority.decide(credentials, about)
      verdict = 'right'
      return grant
    } catch (error) {
      if (isWrong(error)) verdict = error
      throw error
    } finally {
      attempt.settle(verdict)
    }
  }
}

function loginFrom({ client }: About, credentials: LoginCredentials): Login {
  return { client, ...loginOf(credentials) }
}

function isWrong(error: unknown): error is Refusal {
  return error instanceof Refusal && error.reason === 'login_failed'
}

function isFailure(error: unknown): error is Refusal {
  return error instanceof Refusal && (error.reason === 'login_failed' || error.reason === 'too_many_logins')
}

function aboutOf(exchange: Exchange, request: RemoteRequest): About {
  return {
    repository: plainName(request.repository),
    needs: isWrite(request) ? 'write' : 'read',
    address: exchange.clientAddress,
    client: clientKey(exchange.clientAddress),
    incoming: exchange.incoming,
    method: methodOf(request),
    target: targetOf(request),
    requestId: exchange.id,
    signal: exchange.signal,
  }
}

function checkRights({ rights }: Grant, credentials: Credentials | undefined, request: RemoteRequest): void {
  const writes = isWrite(request)
  if (rights === 'write' || (rights === 'read' && !writes)) return
  if (credentials === undefined) throw new Refusal('login_required', { headers: challenge })
  throw rights === 'none' ? repositoryMissing(writes ? 'receive-pack' : 'upload-pack') : new Refusal('push_forbidden')
}
