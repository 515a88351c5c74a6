import { maxFileBytes } from '@sluice/access/file-size'
import { passwordSteps } from '@sluice/access/passwords/password-file'
import { readRulesFileAside } from '@sluice/access/rules/rules-file'
import { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import { inTurns } from '@sluice/shared/machine/steps'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Authority } from '../authority.ts'
import { openAccessTokens } from './access-tokens.ts'
import { PasswordCheck } from './password-check.ts'

export type FilePaths = {
  readonly passwords: string
  readonly rules: string
  /** Undefined: this gateway takes no tokens. */
  readonly tokens: string | undefined
}

/**
 * Takes users from a password file, rights from a rules file and, if there is one, tokens from a token file. When the
 * password file or the rules file changes, both are read again together. The token file is read by itself: a fault in
 * the others keeps no token from being revoked.
 *
 * @throws {ConfigError} where they are not right at the start. If they break later, what was read before stays in
 *   force.
 */
export async function openFileAccess(paths: FilePaths, log: Logger): Promise<Authority> {
  await using opened = new AsyncDisposableStack()
  const files = opened.use(await openUsers(paths, log))
  const tokens = paths.tokens === undefined ? undefined : opened.use(await openAccessTokens(paths.tokens, log))
  const check = new PasswordCheck()
  const parts = opened.move()
  return {
    asksForLogin: true,
    isTrusted(credentials) {
      const { passwords } = files.current
      const text = tokens?.textIn(credentials)
      // Nobody can guess a token, and looking for it costs next to nothing.
      if (tokens && text !== undefined) return tokens.isRight(text, passwords)
      return credentials.kind === 'password' && check.knows(passwords, credentials.user, credentials.password)
    },
    nameTried(credentials) {
      const text = tokens?.textIn(credentials)
      if (tokens && text !== undefined) return tokens.nameIn(text)
      const isKnown = credentials.kind === 'password' && files.current.passwords.has(credentials.user)
      return isKnown ? credentials.user : undefined
    },
    async decide(credentials, about) {
      const { passwords, rules } = files.current
      if (credentials === undefined) return { user: undefined, ...rules.rightsOf(about.repository, undefined) }
      const text = tokens?.textIn(credentials)
      if (tokens && text !== undefined) return tokens.decide(text, about.repository, passwords, rules)
      if (credentials.kind === 'token') throw notAToken(tokens !== undefined)
      const { user, password } = credentials
      if (!(await check.isRight(passwords, user, password, about))) throw new Refusal('login_failed')
      return { user, ...rules.rightsOf(about.repository, user) }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function openUsers({ passwords: passwordPath, rules: rulesPath }: FilePaths, log: Logger) {
  const setting = 'SLUICE_PASSWORD_FILE and SLUICE_ACCESS_FILE'
  return await ReloadedFile.open(setting, {
    paths: [passwordPath, rulesPath],
    maxBytes: maxFileBytes,
    parse: async ([passwordText = '', rulesText = ''], signal) => ({
      passwords: await inTurns(passwordSteps(passwordText, passwordPath)),
      rules: await readRulesFileAside(rulesText, rulesPath, signal),
    }),
    onChange: ({ passwords }) => log.info({ users: passwords.size }, `${setting} were read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old users and rules stay in force`),
  })
}

function notAToken(takesTokens: boolean): Refusal {
  const sentence = takesTokens
    ? 'This is not a token of this server: such a token begins with "sluice_".'
    : 'This server takes user name and password (Authorization: Basic).'
  return new Refusal('login_failed', { sentence })
}
