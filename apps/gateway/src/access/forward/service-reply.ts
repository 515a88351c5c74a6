import { hash } from 'node:crypto'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { isLikeToken } from '../credentials.ts'
import type { LoginCredentials } from '../credentials.ts'

export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * The headers in which services name the user; the first that is there counts. They are those of Authelia (and of
 * Traefik's and Caddy's examples), oauth2-proxy with `--set-xauthrequest`, oauth2-proxy and others as a proxy, and
 * authentik.
 */
const userHeaders = ['remote-user', 'x-auth-request-user', 'x-forwarded-user', 'x-authentik-username'] as const

/**
 * The user whom an access service names in its reply.
 *
 * @returns undefined where it names none
 * @throws {Refusal} `login_unavailable` where that cannot be a user
 */
export function userIn(headers: ReplyHeaders, credentials: LoginCredentials | undefined): string | undefined {
  const told = userHeaders.map((name) => headers[name]).find((value) => value !== undefined && value !== '')
  if (told === undefined) return undefined
  // Beyond ASCII, a header's encoding is anybody's guess. Header blocks are bounded, so `told` is too.
  if (typeof told !== 'string' || !/^[\x20-\x7e]*$/.test(told))
    throw noUser('the service named a user that is not ASCII')
  const user = withoutSecret(told, credentials)
  if (!isUserName(user)) throw noUser('the service named a user with too long a name')
  return user
}

function noUser(problem: string): Refusal {
  return new Refusal('login_unavailable', { cause: new Error(problem) })
}

/** A service that takes a token as a user name may name it as the user. It must not get into logs and reflogs. */
function withoutSecret(user: string, credentials: LoginCredentials | undefined): string {
  return isSecret(user, credentials) ? `token-${hash('sha256', user).slice(0, 12)}` : user
}

function isSecret(user: string, credentials: LoginCredentials | undefined): boolean {
  if (credentials === undefined) return false
  if (credentials.kind === 'token') return user === credentials.token
  if (user !== credentials.user) return user === credentials.password
  return isLikeToken(user) || ['', 'x-oauth-basic'].includes(credentials.password)
}
