import type { Dispatcher } from 'undici'
import { encode, isObject, wholeNumber } from './wire.ts'
import type { JsonObject } from './wire.ts'
import { instantNow } from '../../lease/instant.ts'
import type { Instant } from '../../lease/instant.ts'
import { askMember } from './ask-member.ts'
import { Login } from './login.ts'
import type { Credentials } from './login.ts'
import { MemberFailure } from './member-failure.ts'

export type MemberCall = { readonly path: string; readonly body: object; readonly attemptMs: number }

/** `since`: before it was sent. */
export type MemberAnswer = { readonly value: JsonObject; readonly header: Header; readonly since: Instant }

/** What each answer of etcd says about itself. */
export type Header = { readonly clusterId: string; readonly revision: number; readonly raftTerm: number }

/** How the members are reached. `dispatcher` is another one when the certificates have changed. */
export type Connection = { readonly dispatcher: Dispatcher }

/** etcd works a tenth of a second on a password, with purpose (bcrypt), and longer on a busy machine. */
const minLoginMs = 1000

/** Asks members one by one, as a user where there are users, and of one cluster only. */
export class MemberClient {
  readonly #connection: Connection
  readonly #login: Login | undefined
  readonly #probeKey: string
  #clusterId: string | undefined

  /** @param probeKey that may be read, whether it exists or not */
  constructor(connection: Connection, credentials: Credentials | undefined, probeKey: string) {
    this.#connection = connection
    this.#login = credentials && new Login(credentials)
    this.#probeKey = probeKey
  }

  get dispatcher(): Dispatcher {
    return this.#connection.dispatcher
  }

  /** Logs in first where that is needed. @throws {MemberFailure} */
  async ask(endpoint: string, call: MemberCall, signal: AbortSignal): Promise<MemberAnswer> {
    for (const isLast of [false, true]) {
      const token = await this.token(endpoint, call.attemptMs, signal)
      const since = instantNow()
      try {
        const value = await this.#send(endpoint, call, token, signal)
        return { value, header: this.headerOf(value), since }
      } catch (error) {
        if (!(error instanceof MemberFailure) || error.kind !== 'login') throw error
        await this.tokenRefused(token)
        if (isLast || !this.#login) throw noAccess(error)
      }
    }
    throw new Error('A loop of two has no third round.')
  }

  /** A linearizable read: only a member that hears of a majority answers it. @throws {MemberFailure} */
  async probe(endpoint: string, attemptMs: number, signal: AbortSignal): Promise<Header> {
    const body = { key: encode(this.#probeKey), count_only: true }
    return (await this.ask(endpoint, { path: '/v3/kv/range', body, attemptMs }, signal)).header
  }

  /** The token to send along. Undefined where there are no users. @throws {MemberFailure} */
  async token(endpoint: string, attemptMs: number, signal: AbortSignal): Promise<string | undefined> {
    const loginMs = Math.max(attemptMs, minLoginMs)
    const ask = (path: string, body: object) =>
      this.#send(endpoint, { path, body, attemptMs: loginMs }, undefined, signal)
    try {
      return await this.#login?.token(ask)
    } catch (error) {
      if (!(error instanceof MemberFailure)) throw error
      throw new MemberFailure(error.kind, error.message, false, { cause: error })
    }
  }

  async tokenRefused(token: string | undefined): Promise<void> {
    await this.#login?.refused(token)
  }

  async #send(
    endpoint: string,
    { path, body, attemptMs: timeoutMs }: MemberCall,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    return await askMember(this.#connection.dispatcher, endpoint, { path, body, token, timeoutMs }, signal)
  }

  /** Two clusters behind one setting would be two truths. @throws {MemberFailure} where it is of another one */
  headerOf({ header }: JsonObject): Header {
    const { cluster_id: clusterId, revision, raft_term: raftTerm } = isObject(header) ? header : {}
    if (typeof clusterId !== 'string')
      throw new MemberFailure('stranger', 'it does not say of which cluster it is', true)
    this.#clusterId ??= clusterId
    if (clusterId !== this.#clusterId) {
      const message = `it is of another cluster (${clusterId}) than the first that answered; restart if that is meant`
      throw new MemberFailure('stranger', message, true)
    }
    return { clusterId, revision: wholeNumber(revision), raftTerm: wholeNumber(raftTerm) }
  }
}

function noAccess(failure: MemberFailure): MemberFailure {
  const advice = 'etcd has users; see SLUICE_ETCD_USER and SLUICE_ETCD_PASSWORD_FILE'
  return new MemberFailure('refused', `${failure.message} (${advice})`, false, { cause: failure })
}
