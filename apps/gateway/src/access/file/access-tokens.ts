import { maxFileBytes } from '@sluice/access/file-size'
import type { Passwords } from '@sluice/access/passwords/password-file'
import type { Rules } from '@sluice/access/rules/rules-file'
import { findToken, problemOf, rightsOfToken } from '@sluice/access/tokens/token-check'
import { tokenSteps } from '@sluice/access/tokens/token-file'
import type { TokenFile } from '@sluice/access/tokens/token-file'
import { idIn, isTokenText } from '@sluice/access/tokens/token-text'
import { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import { inTurns } from '@sluice/shared/machine/steps'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Grant } from '../authority.ts'
import type { LoginCredentials } from '../credentials.ts'

export type AccessTokens = Disposable & {
  /** The token in a log-in. Undefined where there is none, so that user and password decide. */
  textIn(credentials: LoginCredentials): string | undefined
  /** Whether this token lets somebody in now. */
  isRight(text: string, users: Passwords): boolean
  /** What a token is called in logs, right or wrong. Undefined where there is none of its id. */
  nameIn(text: string): string | undefined
  /** @throws {Refusal} `login_failed` */
  decide(text: string, repository: string, users: Passwords, rules: Rules): Grant
}

/**
 * Knows the tokens of a token file, which is read again when it changes.
 *
 * @throws {ConfigError} where the file is not right at the start
 */
export async function openAccessTokens(path: string, log: Logger): Promise<AccessTokens> {
  const file = await openTokenFile(path, log)
  return {
    textIn,
    isRight(text, users) {
      const token = findToken(file.current, text)
      return token !== undefined && problemOf(token, users, Date.now()) === undefined
    },
    nameIn(text) {
      const id = idIn(text)
      return id !== undefined && file.current.tokens.has(id) ? nameOf(id) : undefined
    },
    decide(text, repository, users, rules) {
      if (idIn(text) === undefined) {
        throw new Refusal('login_failed', { sentence: 'The token is not whole, or has a wrong character in it.' })
      }
      const token = findToken(file.current, text)
      if (token === undefined) throw new Refusal('login_failed')
      const sentence = problemOf(token, users, Date.now())
      if (sentence !== undefined) throw new Refusal('login_failed', { sentence })
      const user = token.user ?? nameOf(token.id)
      return { user, token: token.id, ...rightsOfToken(token, repository, rules) }
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  }
}

/** No user of the password file has a colon in the name, so nobody else is called this. */
function nameOf(id: string): string {
  return `token:${id}`
}

/** git asks for a name and a password, and people put a token into either. */
function textIn(credentials: LoginCredentials): string | undefined {
  const places = credentials.kind === 'token' ? [credentials.token] : [credentials.password, credentials.user]
  return places.find(isTokenText)
}

async function openTokenFile(path: string, log: Logger): Promise<ReloadedFile<TokenFile>> {
  const setting = 'SLUICE_TOKEN_FILE'
  let read: TokenFile | undefined
  return await ReloadedFile.open(setting, {
    paths: [path],
    maxBytes: maxFileBytes,
    parse: async ([text = '']) => (read = await inTurns(tokenSteps(text, path, read))),
    onChange: ({ tokens }) => log.info({ tokens: tokens.size }, `${setting} was read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old tokens stay in force`),
  })
}
