import { changeFile } from '../files/changed-file.ts'
import { FileProblem } from '../files/file-problem.ts'
import type { NewFile } from '../files/new-file.ts'
import { linesOf, withLine } from '../files/text-lines.ts'
import { isTokenLine, readTokenFile } from './token-file.ts'
import type { Token, TokenFile, TokenLine } from './token-file.ts'
import { digestOf, newTokenText } from './token-text.ts'

/*
 * Changes of a token file. The lines of other tokens, comments, and the order stay as they are. A file with a fault is
 * not changed: the gateway would not take it.
 */

export type CreatedToken = {
  /** The token itself, which is kept nowhere. */
  readonly text: string
  readonly line: TokenLine
  /** How the file was made, where there was none. */
  readonly file: NewFile | undefined
}

/** @throws {FileProblem} */
export async function createToken(path: string, asked: Omit<TokenLine, 'id' | 'sha256'>): Promise<CreatedToken> {
  let made = newTokenText()
  const lineOf = ({ id, text }: typeof made): TokenLine => ({ id, sha256: digestOf(text).toString('hex'), ...asked })
  const file = await changeFile(path, (text) => {
    const { tokens } = tokensIn(text ?? '', path)
    while (tokens.has(made.id)) made = newTokenText()
    return withLine(text ?? heading, JSON.stringify(lineOf(made)))
  })
  return { text: made.text, line: lineOf(made), file }
}

const heading = '# Tokens of Sluice, one in a line. The tokens themselves are kept nowhere.\n'

/**
 * @returns the tokens that are no more
 * @throws {FileProblem}
 */
export async function revokeTokens(path: string, which: (token: Token) => boolean): Promise<readonly Token[]> {
  let revoked = new Set<Token>()
  await changeFile(path, (text) => {
    if (text === undefined) throw new FileProblem(`There is no file ${path}: "sluice token create" makes it.`)
    const { tokens, byLine } = tokensIn(text, path)
    revoked = new Set(tokens.values().filter(which))
    const isKept = (line: string) => !isTokenLine(line) || !revoked.has(byLine.get(line.replace(/\n$/, ''))!)
    return linesOf(text).filter(isKept).join('')
  })
  return [...revoked]
}

function tokensIn(text: string, path: string): TokenFile {
  try {
    return readTokenFile(text, path)
  } catch (cause) {
    throw new FileProblem(`Mend the file first: ${(cause as Error).message}. Nothing was changed.`, { cause })
  }
}
