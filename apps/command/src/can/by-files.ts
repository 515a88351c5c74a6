import { explain } from '@sluice/access/rules/explanation'
import type { Rules } from '@sluice/access/rules/rules-file'
import { findToken, problemOf, rightsOfToken } from '@sluice/access/tokens/token-check'
import type { Token, TokenFile } from '@sluice/access/tokens/token-file'
import { idIn, isTokenText } from '@sluice/access/tokens/token-text'
import { ConfigError } from '@sluice/shared/config/config-error'
import { readPasswords, readRules, readTokens } from '../access/read-files.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError, UsageError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { CanConfig, Explained } from './answer.ts'
import type { CanOptions, Question } from './question.ts'
import { readTokenText } from './token-text.ts'
import { rulesInWords } from './rules-in-words.ts'

type Files = {
  readonly rulesPath: string
  readonly rules: Rules
  readonly passwordPath: string
  readonly users: { has(name: string): boolean }
}

/** SLUICE_ACCESS=file. */
export async function explainByFiles(
  question: Question,
  options: CanOptions,
  config: CanConfig,
  at: Surroundings,
): Promise<Explained> {
  const rulesPath = required(config.accessFile, 'SLUICE_ACCESS_FILE')
  const passwordPath = required(config.passwordFile, 'SLUICE_PASSWORD_FILE')
  const files = { rulesPath, passwordPath, rules: await readRules(rulesPath), users: await readPasswords(passwordPath) }
  if (options.token === undefined && options.tokenFile === undefined) return explainUser(question, files)
  const tokenPath = required(config.tokenFile, 'SLUICE_TOKEN_FILE')
  const token = await findNamed(options, await readTokens(tokenPath), tokenPath, at)
  return token ? explainToken(token, question, files) : unknownToken(tokenPath)
}

function explainUser({ user, repository }: Question, { rules, rulesPath, users, passwordPath }: Files): Explained {
  if (user === 'users') throw new UsageError('"users" stands for many: name one of them, or anyone.')
  const name = user === 'anyone' ? undefined : user
  const explanation = explain(rules, repository, name)
  const sentences = rulesInWords(explanation, name, rulesPath)
  const details = { user: name ?? null, rulesFile: rulesPath, ...detailsOf(explanation) }
  if (name === undefined || users.has(name)) {
    const { rights, mayCreate } = explanation
    return {
      who: name === undefined ? 'anyone' : plainText(name),
      rights,
      mayCreate,
      because: sentences,
      details,
    }
  }
  const missing = `There is no user ${plainText(name)} in ${passwordPath}, so nobody logs in with this name. For such a user, the rules would say:`
  return { who: plainText(name), rights: 'none', mayCreate: false, because: [missing, ...sentences], details }
}

function explainToken(token: Token, { repository }: Question, { rules, rulesPath, users }: Files): Explained {
  const { id, user, right, repositories, expires } = token
  const problem = problemOf(token, users, Date.now())
  const explanation = user === undefined ? undefined : explain(rules, repository, user)
  const end = expires === 'never' ? 'It has no end.' : `It ends at ${expires}.`
  const because = [
    ...(problem === undefined ? [] : [problem]),
    `The token itself may ${right} ${repositories.map(plainText).join(', ')}. ${end}`,
    ...(explanation
      ? [
          `It is for ${plainText(user!)}, and does no more than this user may:`,
          ...rulesInWords(explanation, user, rulesPath),
        ]
      : ['It is for no user, so the rules do not count.']),
  ]
  const details = { token: id, user: user ?? null, rulesFile: rulesPath, ...(explanation && detailsOf(explanation)) }
  const nothing = { rights: 'none', mayCreate: false } as const
  return {
    who: `the holder of the token ${id}`,
    ...(problem === undefined ? rightsOfToken(token, repository, rules) : nothing),
    because,
    details,
  }
}

function detailsOf({ decidedBy, neverReached, groups }: ReturnType<typeof explain>) {
  return { decidedBy: decidedBy ?? null, neverReached, groups }
}

/** @returns undefined where the text of a token is whole, and no token of the file */
async function findNamed(
  options: CanOptions,
  file: TokenFile,
  path: string,
  at: Surroundings,
): Promise<Token | undefined> {
  if (options.token !== undefined) {
    const token = file.tokens.get(idIn(options.token) ?? options.token)
    if (token) return token
    throw new CommandError(`There is no token of this id in ${path}: "sluice token list" shows them.`)
  }
  const text = await readTokenText(options.tokenFile!, at)
  if (!isTokenText(text)) throw new CommandError('This is no token of Sluice: such a token begins with "sluice_".')
  if (idIn(text) === undefined) throw new CommandError('The token is not whole, or has a wrong character in it.')
  return findToken(file, text)
}

function unknownToken(path: string): Explained {
  const because = [`The token is not in ${path}: it was revoked, or is of another server.`]
  return { who: 'the holder of this token', rights: 'none', mayCreate: false, because, details: {} }
}

function required(path: string | undefined, name: string): string {
  if (path === undefined) throw new ConfigError([`SLUICE_ACCESS=file needs ${name}.`])
  return path
}
