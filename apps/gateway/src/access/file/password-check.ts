import { argon2, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { LRUCache } from 'lru-cache'
import { Lane } from '@sluice/shared/admission/lane'
import type { About } from '../authority.ts'
import { mostNameLength } from './password-file.ts'
import type { PasswordHash, Passwords } from './password-file.ts'

/** A hash takes a whole core for a tenth of a second and more. */
const atOnce = 2
const mostWaiting = 256
const longestWaitMs = 10_000

/** git logs in with every request: what was right stays right until the user's hash changes. There is one for each user. */
const mostRight = 100_000

const hashArgon2 = promisify(argon2)

/** Checks passwords, off the event loop and a few at a time, fairly between clients and users. */
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

  /** Whether this was found to be right before, and the user's hash is still the same. */
  knows(passwords: Passwords, user: string, password: string): boolean {
    const own = passwords.get(user)
    return own !== undefined && this.#right.get(this.#digest(own, password)) === true
  }

  /**
   * Whether this is the user's password. For a user that there is not, it takes as long as for one that there is.
   *
   * @throws {Refusal} `login_busy`
   * @throws the signal's reason
   */
  async isRight(passwords: Passwords, user: string, password: string, about: Claimed): Promise<boolean> {
    const own = passwords.get(user)
    const hash = own ?? passwords.values().next().value
    // No line has such a name, and no password is empty.
    if (hash === undefined || user.length > mostNameLength || password === '') return false
    if (this.knows(passwords, user, password)) return true
    using _slot = await this.#lane.admit({ client: about.client, repository: user }, about.signal)
    // Meanwhile, another request of this user may have been here.
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

async function verify(hash: PasswordHash, password: string): Promise<boolean> {
  if (hash.kind === 'bcrypt') return await verifyBcrypt(password, hash.text)
  const { memory, passes, parallelism, salt, tag } = hash
  const parameters = { message: password, nonce: salt, parallelism, tagLength: tag.length, memory, passes }
  return timingSafeEqual(await hashArgon2('argon2id', parameters), tag)
}
