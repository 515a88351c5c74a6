import { timingSafeEqual } from 'node:crypto'
import { smallerOf } from '../rights.ts'
import type { RepositoryRights } from '../rights.ts'
import type { Rules } from '../rules/rules-file.ts'
import type { Token, TokenFile } from './token-file.ts'
import { digestOf, idIn } from './token-text.ts'

type Users = { has(name: string): boolean }

/** Compared with where a token is not known, so that the time does not tell which ids there are. */
const nobodys = digestOf('')

/**
 * Finds a token by its text, in constant time. Whether it has ended is another question.
 *
 * @returns undefined where it is wrong or not known
 */
export function findToken({ tokens }: TokenFile, text: string): Token | undefined {
  const token = tokens.get(idIn(text) ?? '')
  const isSame = timingSafeEqual(digestOf(text), token?.digest ?? nobodys)
  return isSame ? token : undefined
}

/**
 * What a token lets its holder do: no more than the token says, and no more than its user may, if it has one.
 */
export function rightsOfToken(token: Token, repository: string, rules: Rules): RepositoryRights {
  const own = token.rightsOn(repository)
  return token.user === undefined ? own : smallerOf(own, rules.rightsOf(repository, token.user))
}

/**
 * Why a token lets nobody in, in words for its holder. Undefined where it does. A token does not outlive its user.
 *
 * @param now milliseconds since 1970
 */
export function problemOf(token: Token, users: Users, now: number): string | undefined {
  if (now >= token.endsAt) return 'The token has expired.'
  return token.user === undefined || users.has(token.user) ? undefined : 'The user of the token is no user any more.'
}
