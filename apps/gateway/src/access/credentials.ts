/** From an `Authorization` header. */
export type Credentials = LoginCredentials | { readonly kind: 'unreadable'; readonly problem: string }

export type LoginCredentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string; readonly header: string }
  | { readonly kind: 'token'; readonly token: string; readonly header: string }

/** In characters. Node takes 16 KiB of headers in all. */
const maxUserLength = 256
const maxSecretLength = 8192

/**
 * Reads an `Authorization` header: Basic (RFC 7617, UTF-8) or Bearer (RFC 6750).
 *
 * @returns undefined where there is none
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
  if (text === undefined || colon < 0)
    return unreadable('The log-in is not valid: it must be base64 of "user:password".')
  const user = text.slice(0, colon)
  const password = text.slice(colon + 1)
  if (/\p{Cc}/u.test(text)) return unreadable('The user name or the password has control characters in it.')
  if (password === '') return unreadable('The password is empty.')
  if (user.length > maxUserLength || password.length > maxSecretLength) {
    return unreadable('The user name or the password is too long.')
  }
  return { kind: 'password', user, password, header }
}

function readBearer(token: string, header: string): Credentials {
  const isToken = /^[\w.~+/-]+=*$/.test(token) && token.length <= maxSecretLength
  return isToken ? { kind: 'token', token, header } : unreadable('The bearer token is not valid, or too long.')
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
