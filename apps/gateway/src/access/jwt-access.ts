import { errors, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'
import type { Logger } from '@sluice/shared/log'
import { Refusal } from '@sluice/shared/refusal'
import type { Authority } from './authority.ts'
import type { LoginCredentials } from './credentials.ts'
import { KeysUnavailable, openTokenKeys } from './token-keys.ts'
import { rightsOf } from './token-scopes.ts'

export type JwtOptions = {
  /** An address or a path: see token-keys.ts. */
  readonly keys: string
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  /** Milliseconds. */
  readonly clockSkew: number
}

/** git sends a token as a password, and needs some user name to go with it. */
const anyName = ['', 'token', 'x-access-token', 'oauth2', 'git']

/**
 * Signed tokens (RFC 7519, checked as RFC 8725 advises), as bearer token or as the password of Basic. The user is the
 * token's `sub`.
 */
export async function openJwtAccess(options: JwtOptions, log: Logger): Promise<Authority> {
  const keys = await openTokenKeys(options.keys, log)
  const checks = {
    issuer: options.issuer,
    audience: options.audience,
    algorithms: [...options.algorithms],
    clockTolerance: options.clockSkew / 1000,
    requiredClaims: ['exp', 'sub'],
  }
  const verify = async (token: string): Promise<JWTPayload> => {
    try {
      return (await jwtVerify(token, keys.find, checks)).payload
    } catch (error) {
      throw asRefusal(error)
    }
  }
  return {
    asksForLogin: true,
    get problem() {
      return keys.problem
    },
    async decide(credentials, { repository }) {
      if (credentials === undefined) return { user: undefined, rights: 'none', mayCreate: false }
      const { sub, scope } = await verify(credentials.kind === 'token' ? credentials.token : credentials.password)
      const user = checkUser(sub, credentials)
      return { user, ...rightsOf(scope, repository) }
    },
    [Symbol.asyncDispose]: async () => keys[Symbol.dispose](),
  }
}

function checkUser(sub: unknown, credentials: LoginCredentials): string {
  if (typeof sub !== 'string' || sub === '' || sub.length > 256 || /\p{Cc}/u.test(sub)) {
    throw new Refusal('login_failed', { sentence: 'The token is for nobody: its "sub" is not a user name.' })
  }
  const isOther = credentials.kind === 'password' && !anyName.includes(credentials.user) && credentials.user !== sub
  if (isOther) throw new Refusal('login_failed', { sentence: 'The token is not one of this user.' })
  return sub
}

/** What is wrong with a token is its bearer's to know; that the keys cannot be had is nobody's fault who asks. */
function asRefusal(error: unknown): Refusal {
  const cause = error
  if (error instanceof errors.JWTExpired)
    return new Refusal('login_failed', { sentence: 'The token has expired.', cause })
  const isUnavailable =
    error instanceof KeysUnavailable || error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid
  if (isUnavailable) return new Refusal('login_unavailable', { cause })
  const isTokens = error instanceof errors.JOSEError || error instanceof TypeError
  return isTokens ? new Refusal('login_failed', { sentence: 'The token is not valid.', cause }) : Refusal.from(error)
}
