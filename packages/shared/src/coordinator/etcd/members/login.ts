import { readFile } from 'node:fs/promises'
import { errnoOf } from '../../../machine/errno.ts'
import { isRefusal, MemberFailure, words } from './member-failure.ts'
import type { JsonObject } from './wire.ts'

export type Credentials = { readonly user: string; readonly passwordFile: string }

/** Asks the member that the token is for. Tokens count at all members. */
export type AskForToken = (path: string, body: object) => Promise<JsonObject>

/** The token of a user. It is asked for when it is needed, once for all that need it, and again when it was refused. */
export class Login {
  readonly #credentials: Credentials
  #token: Promise<string | undefined> | undefined

  constructor(credentials: Credentials) {
    this.#credentials = credentials
  }

  /** @returns undefined where etcd has no users (yet) @throws {MemberFailure} */
  async token(ask: AskForToken): Promise<string | undefined> {
    const asked = (this.#token ??= this.#ask(ask))
    try {
      return await asked
    } catch (error) {
      if (this.#token === asked) this.#token = undefined
      throw error
    }
  }

  /** To be called when a member does not take the token. A newer one stays. */
  async refused(token: string | undefined): Promise<void> {
    const known = this.#token
    const isOld = (await known?.catch(() => undefined)) === token
    if (isOld && this.#token === known) this.#token = undefined
  }

  async #ask(ask: AskForToken): Promise<string | undefined> {
    const { user: name, passwordFile } = this.#credentials
    const password = await readPassword(passwordFile)
    try {
      const { token } = await ask('/v3/auth/authenticate', { name, password })
      if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token
      throw new MemberFailure('away', 'it answers a log-in without a token')
    } catch (error) {
      if (isRefusal(error, words.noUsers)) return undefined
      if (!(error instanceof MemberFailure) || error.kind === 'away') throw error
      const message = `the user ${name} (SLUICE_ETCD_USER) cannot log in: ${error.message}`
      throw new MemberFailure('refused', message, false, { cause: error })
    }
  }
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    const message = `the password cannot be read from ${file} (SLUICE_ETCD_PASSWORD_FILE): ${errnoOf(error)}`
    throw new MemberFailure('refused', message, false, { cause: error })
  }
}
