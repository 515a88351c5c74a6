import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import { verifySignedToken } from './token-verification.ts'
import type { TokenChecks } from './token-verification.ts'

export type TokenExplanation = {
  readonly user: string | undefined
  /** The claim `scope`: see token-scopes.ts. */
  readonly scope: unknown
  /** Milliseconds since 1970. */
  readonly endsAt: number | undefined
  readonly signature: 'right' | 'wrong' | 'not checked'
  /** Why the gateway does not take the token, a sentence each. Empty where it does, if the signature is right. */
  readonly problems: readonly string[]
}

/**
 * Says everything that is wrong with a signed token, not just the first thing.
 *
 * @param find undefined: there are no keys to check the signature with
 * @param now milliseconds since 1970
 */
export async function explainSignedToken(
  text: string,
  find: JWTVerifyGetKey | undefined,
  checks: TokenChecks,
  now: number,
): Promise<TokenExplanation> {
  const decoded = decode(text)
  if (!decoded) {
    const problems = ['This is no signed token (JWT): it has not three parts in base64url with a dot between them.']
    return { user: undefined, scope: undefined, endsAt: undefined, signature: 'not checked', problems }
  }
  const { payload, algorithm } = decoded
  const isTaken = checks.algorithms.includes(algorithm)
  const [badSignature] = isTaken && find ? await problemsOf(compactVerify(text, find)) : []
  const problems = [
    ...(isTaken
      ? []
      : [
          `It is signed with ${shown(algorithm)}, which is none of SLUICE_JWT_ALGORITHMS (${checks.algorithms.join(', ')}).`,
        ]),
    ...(badSignature === undefined
      ? []
      : [`Its signature is by none of the keys of SLUICE_JWT_KEYS (${badSignature}).`]),
    ...problemsOfClaims(payload, checks, now),
  ]
  // The gateway's own check has the last word.
  if (find && problems.length === 0) problems.push(...(await problemsOf(verifySignedToken(text, find, checks))))
  return {
    user: isUser(payload.sub) ? payload.sub : undefined,
    scope: payload['scope'],
    endsAt: typeof payload.exp === 'number' && isTime(payload.exp) ? payload.exp * 1000 : undefined,
    signature: !isTaken || !find ? 'not checked' : badSignature === undefined ? 'right' : 'wrong',
    problems,
  }
}

function decode(text: string): { payload: JWTPayload; algorithm: string } | undefined {
  try {
    return { payload: decodeJwt(text), algorithm: String(decodeProtectedHeader(text).alg) }
  } catch {
    return undefined
  }
}

function* problemsOfClaims(payload: JWTPayload, checks: TokenChecks, now: number): Generator<string> {
  const { iss, aud, exp, nbf, sub } = payload
  if (iss !== checks.issuer) yield `Its issuer (iss) is ${shown(iss)}, not ${shown(checks.issuer)} (SLUICE_JWT_ISSUER).`
  if (![aud].flat().includes(checks.audience)) {
    yield `It is for ${shown(aud)} (aud), not for ${shown(checks.audience)} (SLUICE_JWT_AUDIENCE).`
  }
  if (typeof exp !== 'number') yield 'It has no end (exp).'
  else if (exp * 1000 <= now - checks.clockSkew) yield `It ended at ${timeOf(exp)}.`
  if (typeof nbf === 'number' && nbf * 1000 > now + checks.clockSkew)
    yield `It is not valid before ${timeOf(nbf)} (nbf).`
  if (!isUser(sub)) yield `It is for nobody: ${shown(sub)} (sub) is no user name.`
}

async function problemsOf(check: Promise<unknown>): Promise<string[]> {
  return await check.then(
    () => [],
    (error: Error) => [error.message],
  )
}

function shown(claim: unknown): string {
  const text = JSON.stringify(claim) ?? 'nothing'
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function isUser(sub: unknown): sub is string {
  return typeof sub === 'string' && isUserName(sub)
}

/** Whether a date can be made of these seconds. */
function isTime(seconds: number): boolean {
  return Math.abs(seconds) < 8.64e12
}

function timeOf(seconds: number): string {
  return isTime(seconds) ? new Date(seconds * 1000).toISOString() : `${seconds} s`
}
