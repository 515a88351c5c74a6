import { jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'

/** What a token must have. */
export type TokenChecks = {
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  /** Milliseconds by which clocks may differ. */
  readonly clockSkew: number
}

/**
 * Checks a signed token (RFC 7519, as RFC 8725 advises): signature, issuer, audience, and times.
 *
 * @throws {JOSEError} where it is not right
 */
export async function verifySignedToken(
  text: string,
  find: JWTVerifyGetKey,
  { issuer, audience, algorithms, clockSkew }: TokenChecks,
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(text, find, {
    issuer,
    audience,
    algorithms: [...algorithms],
    clockTolerance: clockSkew / 1000,
    requiredClaims: ['exp', 'sub'],
  })
  return payload
}
