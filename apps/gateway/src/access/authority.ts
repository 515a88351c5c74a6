import type { IncomingMessage } from 'node:http'
import type { RepositoryRights } from '@sluice/access/rights'
import type { Refusal } from '@sluice/shared/refusal/refusal'
import type { LoginCredentials } from './credentials.ts'

/** What a request is allowed. */
export type Grant = RepositoryRights & {
  /** The user. Undefined if nobody has logged in. */
  readonly user: string | undefined
  /** The id of the token that the user has logged in with, where the tokens of this mode have one. */
  readonly token?: string | undefined
}

/** What a request is about. */
export type About = {
  /** The plain name: the same however the repository was addressed. */
  readonly repository: string
  /** The right that the request needs. */
  readonly needs: 'read' | 'write'
  /** The client's address, or `local`. */
  readonly address: string
  /** What the address counts as, for fairness: itself, or its network. */
  readonly client: string
  /** The client's request, with its connection and headers. */
  readonly incoming: IncomingMessage
  readonly method: 'GET' | 'PUT' | 'POST'
  /** The path and query of the request, encoded again. */
  readonly target: string
  readonly requestId: string
  readonly signal: AbortSignal
}

/** Knows users and their rights. Each mode of `SLUICE_ACCESS` has one. */
export type Authority = AsyncDisposable & {
  /** False: nobody has to log in, and the headers of a log-in are not read. */
  readonly asksForLogin: boolean
  /** Why nobody can be let in at the moment, in words. Undefined where somebody can be. */
  readonly problem?: string | undefined
  /**
   * Whether these credentials are checked without any wait: they were right before, or nobody can guess their kind and
   * a check costs next to nothing. Returns at once.
   */
  isTrusted(credentials: LoginCredentials): boolean
  /**
   * The user of a log-in that has failed, for the log. Undefined where there is no such user: whatever stands in the
   * place of the name could be a password.
   */
  nameTried?(credentials: LoginCredentials, refusal: Refusal): string | undefined
  /**
   * @param credentials undefined asks what anyone may do
   * @throws {Refusal} `login_failed` if they are wrong; `login_busy` or `login_unavailable` if that cannot be found out
   */
  decide(credentials: LoginCredentials | undefined, about: About): Promise<Grant>
}
