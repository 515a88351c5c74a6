import { isTokenText } from '@sluice/access/tokens/token-text'

/** What an `Authorization` header holds. */
export type Credentials = LoginCredentials | { readonly kind: 'unreadable'; readonly problem: string }

export type LoginCredentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string; readonly header: string }
  | { readonly kind: 'token'; readonly token: string; readonly header: string }

/** In characters. Node takes 16 KiB of headers in all. */
const maxLength = 8192

/**
 * Reads an `Authorization` header: Basic (RFC 7617, UTF-8) or Bearer (RFC 6750). In Basic, either part may be empty or
 * a token: `TOKEN:`, `TOKEN:x-oauth-basic`, `x-access-token:TOKEN`, and `TOKEN` without a colon. The mode of access
 * decides what they are.
 *
 * @returns undefined where there is no header
 */
export function readCredentials(header: string | undefined): Credentials | undefined {
  if (header === undefined) return undefined
  const [, scheme = '', parameter = ''] = /^([!-~]+) +([!-~]+) *$/.exec(header) ?? []
  if (scheme.toLowerCase() === 'basic') return readBasic(parameter, header)
  if (scheme.toLowerCase() === 'bearer') return readBearer(parameter, header)
  return unreadable('This server takes user name and password, or a bearer token (Authorization: Basic or Bearer).')
}

function readBasic(parameter: string, header: string): Credentials {
  const text = /^[A-Za-z0-9+/]+={0,2}$/.test(parameter) ? decodeUtf8(Buffer.from(parameter, 'base64')) : undefined
  const colon = text?.indexOf(':') ?? -1
  if (text === undefined || (colon < 0 && !isLikeToken(text))) {
    return unreadable('The log-in is not valid: it must be base64 of "user:password".')
  }
  const user = colon < 0 ? text : text.slice(0, colon)
  const password = colon < 0 ? '' : text.slice(colon + 1)
  if (/\p{Cc}/u.test(text)) return unreadable('The user name or the password has control characters in it.')
  // Some services let anybody in with an empty password (LDAP, say).
  if (password === '' && !isLikeToken(user)) return unreadable('The password is empty.')
  if (user.length > maxLength || password.length > maxLength) {
    return unreadable('The user name or the password is too long.')
  }
  return { kind: 'password', user, password, header }
}

function readBearer(token: string, header: string): Credentials {
  const isToken = /^[\w.~+/-]+=*$/.test(token) && token.length <= maxLength
  return isToken ? { kind: 'token', token, header } : unreadable('The bearer token is not valid, or too long.')
}

/** Whether this has the form of a signed token (RFC 7519). */
export function isLikeSignedToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)
}

/** Whether this is a token rather than a person's name: signed, or long and made of the characters that tokens have. */
export function isLikeToken(text: string): boolean {
  return (isLikeSignedToken(text) && text.length >= 64) || /^[\w.~+/-]{32,}=*$/.test(text)
}

/** User names that clients send beside a token. They name no user. */
const anyName = ['', 'token', 'x-access-token', 'x-token-auth', 'oauth2', 'git', 'x-oauth-basic']

/** Anything shorter may be the password of a user with such a name, which can be guessed. */
const shortestToken = 20

/** The name by which a log-in is counted, and its secret part. A token is its own name. */
export function loginOf(credentials: LoginCredentials): { readonly name: string; readonly secret: string } {
  if (credentials.kind === 'token') return { name: credentials.token, secret: credentials.token }
  const { user, password } = credentials
  const isToken = (anyName.includes(user) && password.length >= shortestToken) || isTokenText(password)
  return { name: isToken ? `${user}:${password}` : user, secret: password }
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function unreadable(problem: string): Credentials {
  return { kind: 'unreadable', problem }
}
