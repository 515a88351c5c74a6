import { errors } from 'jose'
import type { JWTPayload } from 'jose'
import { rightsOf } from '@sluice/access/jwt/token-scopes'
import { verifySignedToken } from '@sluice/access/jwt/token-verification'
import type { TokenChecks } from '@sluice/access/jwt/token-verification'
import type { Logger } from '@sluice/shared/telemetry/log'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Authority } from '../authority.ts'
import { isLikeSignedToken } from '../credentials.ts'
import type { LoginCredentials } from '../credentials.ts'
import { KeysUnavailable, openTokenKeys } from './token-keys.ts'

export type JwtOptions = TokenChecks & {
  /** An address or a path: see token-keys.ts. */
  readonly keys: string
}

/**
 * Takes signed tokens (RFC 7519): as a bearer token, or in Basic as the password or the
 * user name. The user is the token's `sub`, whatever else Basic says.
 */
export async function openJwtAccess(options: JwtOptions, log: Logger): Promise<Authority> {
  const keys = await openTokenKeys(options.keys, log)
  const verify = async (token: string): Promise<JWTPayload> => {
    try {
      return await verifySignedToken(token, keys.find, options)
    } catch (error) {
      throw asRefusal(error)
    }
  }
  return {
    asksForLogin: true,
    get problem() {
      return keys.problem
    },
    // Nobody can guess a signature, and checking one takes a fraction of a millisecond.
    isTrusted: () => true,
    // Claims are read where the signature is right, and the token has ended, say.
    nameTried: (_credentials, { cause }) => {
      const sub =
        cause instanceof errors.JWTExpired || cause instanceof errors.JWTClaimValidationFailed
          ? cause.payload.sub
          : undefined
      return sub !== undefined && isUserName(sub) ? sub : undefined
    },
    async decide(credentials, { repository }) {
      if (credentials === undefined) return { user: undefined, rights: 'none', mayCreate: false }
      const { sub, scope } = await verify(tokenIn(credentials))
      const user = checkUser(sub)
      return { user, ...rightsOf(scope, repository) }
    },
    [Symbol.asyncDispose]: async () => keys[Symbol.dispose](),
  }
}

/** git asks for a name and a password, and people put a token into either. */
function tokenIn(credentials: LoginCredentials): string {
  if (credentials.kind === 'token') return credentials.token
  const { user, password } = credentials
  return isLikeSignedToken(user) && !isLikeSignedToken(password) ? user : password
}

function checkUser(sub: unknown): string {
  if (typeof sub !== 'string' || !isUserName(sub)) {
    throw new Refusal('login_failed', { sentence: 'The token is for nobody: its "sub" is not a user name.' })
  }
  return sub
}

/**
 * The sender of a wrong token is told what is wrong with it. If there are no keys to check it with, that is not the
 * sender's fault.
 */
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
