import { z } from 'zod'
import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { plainName } from '@sluice/shared/git/repository-name'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import { atOnce } from '@sluice/shared/machine/steps'
import type { Steps } from '@sluice/shared/machine/steps'
import type { RepositoryRights } from '../rights.ts'
import { refuseByteOrderMark } from '../files/text-lines.ts'
import { tokenId } from './token-text.ts'

/** Each of these includes the ones before it. */
export const tokenRights = ['read', 'write', 'create'] as const

const date = z.iso.datetime()

/** Text that stays on its line wherever it is shown. */
function plain(longest: number) {
  return z
    .string()
    .max(longest)
    .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'there are control characters in it')
}

/** What a line holds. */
const lineForm = z.strictObject({
  id: z.string().regex(tokenId, 'an id is 8 small letters and digits'),
  /** Of the whole text of the token, in hexadecimal digits. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a digest is 64 hexadecimal digits'),
  user: z.string().refine(isUserName, 'this is not the name of a user').optional(),
  right: z.enum(tokenRights),
  repositories: z.array(plain(1024).min(1)).min(1).max(100),
  created: date,
  expires: z.union([date, z.literal('never')]),
  description: plain(200).optional(),
})

export type TokenLine = z.infer<typeof lineForm>

/** Why no token can be made as it was asked for, in words; undefined where one can. */
export function problemOfNewToken(asked: Omit<TokenLine, 'id' | 'sha256'>): string | undefined {
  const parsed = lineForm.omit({ id: true, sha256: true }).safeParse(asked)
  const issue = parsed.error?.issues[0]
  return issue && `The token cannot be made: ${String(issue.path[0])}: ${issue.message}.`
}

export type Token = TokenLine & {
  readonly digest: Buffer
  /** Milliseconds since 1970. Infinity for a token that does not end. */
  readonly endsAt: number
  /** What the token itself lets its holder do, whatever its user may. */
  rightsOn(repository: string): RepositoryRights
}

/** Tokens by id, and each by the line that it was read from. */
export type TokenFile = {
  readonly tokens: ReadonlyMap<string, Token>
  readonly byLine: ReadonlyMap<string, Token>
}

/**
 * Reads a token file: a JSON object in each line, and `#` for comments.
 *
 * @param earlier what was read from this file before. Its lines are not read again, so a change costs little, however
 *   many tokens there are
 * @throws {Error} in words that name the line and do not quote it
 */
export function readTokenFile(text: string, path: string, earlier?: TokenFile): TokenFile {
  return atOnce(tokenSteps(text, path, earlier))
}

/** The same, a line a step. */
export function* tokenSteps(text: string, path: string, earlier?: TokenFile): Steps<TokenFile> {
  refuseByteOrderMark(text, path)
  const tokens = new Map<string, Token>()
  const byLine = new Map<string, Token>()
  for (const [index, line] of text.split('\n').entries()) {
    if (!isTokenLine(line)) continue
    const where = `line ${index + 1} of ${path}`
    const token = earlier?.byLine.get(line) ?? readLine(line, where)
    if (tokens.has(token.id)) throw new Error(`${where} has the id of a token before it`)
    tokens.set(token.id, token)
    byLine.set(line, token)
    yield
  }
  return { tokens, byLine }
}

/** Whether a line is about a token, and is no comment. */
export function isTokenLine(line: string): boolean {
  return line.trim() !== '' && !line.startsWith('#')
}

function readLine(line: string, where: string): Token {
  const parsed = lineForm.safeParse(fromJson(line, where))
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    throw new Error(`${where}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`)
  }
  const { sha256, expires, repositories, right } = parsed.data
  const patterns = repositories.map(fitsPattern)
  return {
    ...parsed.data,
    digest: Buffer.from(sha256, 'hex'),
    endsAt: expires === 'never' ? Infinity : Date.parse(expires),
    rightsOn(repository) {
      const name = plainName(repository)
      if (!patterns.some((fits) => fits(name))) return { rights: 'none', mayCreate: false }
      return { rights: right === 'read' ? 'read' : 'write', mayCreate: right === 'create' }
    },
  }
}

function fromJson(line: string, where: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new Error(`${where} is not valid JSON`, { cause })
  }
}
