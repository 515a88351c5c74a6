import { parseOptions } from '@node-rs/argon2'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import { atOnce } from '@sluice/shared/machine/steps'
import type { Steps } from '@sluice/shared/machine/steps'
import { refuseByteOrderMark } from '../files/text-lines.ts'
import { reservedNames } from '../rules/named.ts'

/** How a password is checked. */
export type PasswordHash = { readonly kind: 'bcrypt' | 'argon2id'; readonly text: string }

/** Users and their hashes. */
export type Passwords = ReadonlyMap<string, PasswordHash>

/**
 * Anyone can have a hash computed by trying to log in, so its cost is bounded, whatever the file asks for. 2^15 rounds
 * of bcrypt take about two seconds.
 */
const mostRounds = 15
const mostMemoryKib = 256 * 1024
const mostPasses = 16
const mostLanes = 16
/** In bytes. */
const longestSalt = 64
const longestTag = 128

/**
 * Reads a password file as Apache's htpasswd writes it: a line `user:hash` for each user, `#` for comments. Hashes are
 * bcrypt (`htpasswd -B`) or argon2id in the PHC string format, as the argon2 command writes it.
 *
 * @throws {Error} in words that name the line and do not quote it
 */
export function readPasswordFile(text: string, path: string): Passwords {
  return atOnce(passwordSteps(text, path))
}

/** The same, a line a step. */
export function* passwordSteps(text: string, path: string): Steps<Passwords> {
  refuseByteOrderMark(text, path)
  const passwords = new Map<string, PasswordHash>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const where = `line ${index + 1} of ${path}`
    const [, user, hashText] = /^([^:]*):([!-~]+)\s*$/.exec(line) ?? []
    if (user === undefined || hashText === undefined || !isUserName(user)) {
      throw new Error(`${where} is not of the form user:hash`)
    }
    if (reservedNames.includes(user)) {
      throw new Error(`${where}: "${user}" stands for many in rules and cannot be a user's name`)
    }
    if (passwords.has(user)) throw new Error(`${where} has a user who has a line already`)
    const kind = kindOf(hashText)
    if (kind === undefined) {
      throw new Error(`${where} has no hash that is taken: bcrypt (htpasswd -B, at most 15 rounds) or argon2id`)
    }
    passwords.set(user, { kind, text: hashText })
    yield
  }
  return passwords
}

/** Undefined for a hash of another kind, and for one that costs too much to check. */
function kindOf(hash: string): PasswordHash['kind'] | undefined {
  if (isCheapBcrypt(hash)) return 'bcrypt'
  return isCheapArgon2id(hash) ? 'argon2id' : undefined
}

function isCheapBcrypt(hash: string): boolean {
  const rounds = Number(/^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1] ?? NaN)
  return rounds >= 4 && rounds <= mostRounds
}

/** `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`, base64 without padding. Version 19 is the one of RFC 9106. */
function isCheapArgon2id(hash: string): boolean {
  if (!hash.startsWith('$argon2id$v=19$')) return false
  try {
    const { memoryCost, timeCost, parallelism, saltLen, outputLen } = parseOptions(hash)
    const isCheap = memoryCost <= mostMemoryKib && timeCost <= mostPasses && parallelism <= mostLanes
    return isCheap && saltLen <= longestSalt && outputLen <= longestTag
  } catch {
    return false
  }
}
