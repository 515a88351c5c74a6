import type { Logger } from '@sluice/shared/telemetry/log'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import type { Authority } from '../authority.ts'
import { PasswordCheck } from './password-check.ts'
import { readPasswordFile } from '@sluice/access/passwords/password-file'
import { readRulesFile } from '@sluice/access/rules/rules-file'

/** In rules, these stand for more than one user, so no user can have them as a name. */
const reserved = ['anyone', 'users']

/**
 * Takes users from a password file and rights from a rules file. When one of them changes, both are read again
 * together.
 *
 * @throws {ConfigError} where they are not right at the start. If they break later, what was read before stays in
 *   force.
 */
export async function openFileAccess(passwordPath: string, rulesPath: string, log: Logger): Promise<Authority> {
  const files = await open(passwordPath, rulesPath, log)
  const check = new PasswordCheck()
  return {
    asksForLogin: true,
    isTrusted(credentials) {
      return (
        credentials.kind === 'password' && check.knows(files.current.passwords, credentials.user, credentials.password)
      )
    },
    async decide(credentials, about) {
      const { passwords, rules } = files.current
      if (credentials?.kind === 'token') {
        throw new Refusal('login_failed', {
          sentence: 'This server takes user name and password (Authorization: Basic).',
        })
      }
      const user = credentials?.user
      if (credentials && !(await check.isRight(passwords, credentials.user, credentials.password, about))) {
        throw new Refusal('login_failed')
      }
      return { user, ...rules(about.repository, user) }
    },
    [Symbol.asyncDispose]: async () => files[Symbol.dispose](),
  }
}

async function open(passwordPath: string, rulesPath: string, log: Logger) {
  const setting = 'SLUICE_PASSWORD_FILE and SLUICE_ACCESS_FILE'
  return await ReloadedFile.open(setting, {
    paths: [passwordPath, rulesPath],
    parse([passwordText = '', rulesText = '']) {
      const passwords = readPasswordFile(passwordText, passwordPath)
      const taken = reserved.find((name) => passwords.has(name))
      if (taken) throw new Error(`${passwordPath}: "${taken}" stands for many in rules and cannot be a user's name`)
      return { passwords, rules: readRulesFile(rulesText, rulesPath) }
    },
    onChange: ({ passwords }) => log.info({ users: passwords.size }, `${setting} were read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old users and rules stay in force`),
  })
}
