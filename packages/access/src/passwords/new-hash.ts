import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from '@node-rs/bcrypt'
import { isTokenText } from '../tokens/token-text.ts'
import type { PasswordHash } from './password-file.ts'

type Kind = PasswordHash['kind']

/** The second of the two that RFC 9106, section 4 recommends: 64 MiB and three passes, a tenth of a second or less. */
const argon2Costs = { memoryCost: 64 * 1024, timeCost: 3, parallelism: 4 }
/** 2^12 rounds, a quarter of a second. */
const bcryptCost = 12

/** Of NIST SP 800-63B. */
const shortest = 8
/** Log-ins with longer ones are not read. */
const longest = 1024
const longestBytesForBcrypt = 72

/** Hashes a new password, off the event loop. */
export async function hashPassword(password: string, kind: Kind): Promise<string> {
  return kind === 'bcrypt' ? await bcrypt(password, bcryptCost) : await argon2(password, argon2Costs)
}

/** Why this cannot be a new password, in words that do not quote it; undefined where it can. */
export function problemOfNewPassword(password: string, kind: Kind): string | undefined {
  if (!password.isWellFormed() || /\p{Cc}/u.test(password)) {
    return 'The password has control characters in it, such as the end of a line.'
  }
  if (password.length < shortest) return `A password has at least ${shortest} characters.`
  if (password.length > longest) return `A password has at most ${longest} characters.`
  if (kind === 'bcrypt' && Buffer.byteLength(password) > longestBytesForBcrypt) {
    return `bcrypt sees only the first ${longestBytesForBcrypt} bytes of a password, and this one is longer: leave out --bcrypt.`
  }
  return isTokenText(password)
    ? 'This is a token, not a password: clients would be let in as the token says.'
    : undefined
}
