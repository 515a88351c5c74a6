/** How a password is checked. */
export type PasswordHash =
  | { readonly kind: 'bcrypt'; readonly text: string }
  | {
      readonly kind: 'argon2id'
      readonly text: string
      /** KiB. */
      readonly memory: number
      readonly passes: number
      readonly parallelism: number
      readonly salt: Buffer
      readonly tag: Buffer
    }

/** Users and their hashes. */
export type Passwords = ReadonlyMap<string, PasswordHash>

/** In characters. */
export const mostNameLength = 256

/** A hash is computed for whoever asks: what it costs is bounded. 2^15 rounds of bcrypt take about two seconds. */
const mostRounds = 15
const mostMemoryKib = 256 * 1024
const mostPasses = 16
const mostLanes = 16

/**
 * Reads a password file as Apache's htpasswd writes it: a line `user:hash` for each user, `#` for comments. Hashes are
 * bcrypt (`htpasswd -B`) or argon2id in the PHC string format, as the argon2 command writes it.
 *
 * @throws {Error} in words, with the line, and without what stands in it
 */
export function readPasswordFile(text: string, path: string): Passwords {
  const passwords = new Map<string, PasswordHash>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const where = `line ${index + 1} of ${path}`
    const [, user, hashText] = /^([^:\p{Cc}]{1,256}):([!-~]+)\s*$/u.exec(line) ?? []
    if (user === undefined || hashText === undefined) throw new Error(`${where} is not of the form user:hash`)
    if (passwords.has(user)) throw new Error(`${where} has a user who has a line already`)
    const hash = readBcrypt(hashText) ?? readArgon2id(hashText)
    if (hash === undefined) {
      throw new Error(`${where} has no hash that is taken: bcrypt (htpasswd -B, at most 15 rounds) or argon2id`)
    }
    passwords.set(user, hash)
  }
  return passwords
}

function readBcrypt(text: string): PasswordHash | undefined {
  const rounds = Number(/^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text)?.[1] ?? NaN)
  return rounds >= 4 && rounds <= mostRounds ? { kind: 'bcrypt', text } : undefined
}

/** `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`, base64 without padding. */
function readArgon2id(text: string): PasswordHash | undefined {
  const form =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,171})$/
  const [, m, t, p, salt = '', tag = ''] = form.exec(text) ?? []
  const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)]
  const isBounded = memory <= mostMemoryKib && passes <= mostPasses && parallelism <= mostLanes
  if (!isBounded || passes < 1 || parallelism < 1 || memory < 8 * parallelism) return undefined
  const bytes = { salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
  return { kind: 'argon2id', text, memory, passes, parallelism, ...bytes }
}
