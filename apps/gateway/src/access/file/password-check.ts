import { createHmac, randomBytes } from 'node:crypto'
import { verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { LRUCache } from 'lru-cache'
import { Lane } from '@sluice/shared/admission/lane'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import type { About } from '../authority.ts'
import type { PasswordHash, Passwords } from '@sluice/access/passwords/password-file'

/** A hash keeps a core busy for a tenth of a second and more. */
const atOnce = 2
const mostWaiting = 256
const longestWaitMs = 10_000

/**
 * git logs in with every request, so a password that was right is remembered until the user's hash changes. There is
 * one entry for each user.
 */
const mostRight = 100_000

/** Checks passwords off the event loop and a few at a time, shared out fairly between clients and users. */
export class PasswordCheck {
  readonly #lane = new Lane({
    slots: atOnce,
    largestShare: 1,
    queueLength: mostWaiting,
    queueTimeout: longestWaitMs,
    reasons: { full: 'login_busy', late: 'login_busy' },
  })
  readonly #right = new LRUCache<string, true>({ max: mostRight })
  readonly #key = randomBytes(32)

  /** Whether this password was right before, and the user's hash has not changed since. */
  knows(passwords: Passwords, user: string, password: string): boolean {
    const own = passwords.get(user)
    return own !== undefined && this.#right.get(this.#digest(own, password)) === true
  }

  /**
   * Whether this is the user's password. It takes as long for an unknown user as for a known one.
   *
   * @throws {Refusal} `login_busy`
   * @throws the signal's reason
   */
  async isRight(passwords: Passwords, user: string, password: string, about: Claimed): Promise<boolean> {
    const own = passwords.get(user)
    // For an unknown user, another user's hash is computed, so that the time does not tell who is known.
    const hash = own ?? passwords.values().next().value
    // No line of the file has such a name, and no password is empty, so the time of the reply tells nothing.
    if (hash === undefined || !isUserName(user) || password === '') return false
    if (this.knows(passwords, user, password)) return true
    using _slot = await this.#lane.admit({ client: about.client, repository: user }, about.signal)
    // Another request of this user may have been checked in the meantime.
    if (this.knows(passwords, user, password)) return true
    const fits = await verify(hash, password)
    if (!own || !fits) return false
    this.#right.set(this.#digest(own, password), true)
    return true
  }

  #digest(hash: PasswordHash, password: string): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([hash.text, password]))
      .digest('base64')
  }
}

type Claimed = Pick<About, 'client' | 'signal'>

async function verify({ kind, text }: PasswordHash, password: string): Promise<boolean> {
  return kind === 'bcrypt' ? await verifyBcrypt(password, text) : await verifyArgon2(text, password)
}
