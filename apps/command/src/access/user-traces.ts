import { groupsOf, rulesNaming } from '@sluice/access/rules/explanation'
import type { Rules } from '@sluice/access/rules/rules-file'
import type { TokenFile } from '@sluice/access/tokens/token-file'
import { CommandError } from '../output/failure.ts'
import type { AccessFiles } from './access-files.ts'
import { readRules, readTokensIfAny } from './read-files.ts'

/** Where a user's name stands, beside the password file. */
export type UserTraces = {
  readonly groups: readonly { readonly name: string; readonly line: number }[]
  readonly rules: readonly { readonly line: number; readonly repositories: readonly string[] }[]
  /** Ids. */
  readonly tokens: readonly string[]
}

export function tracesOf(user: string, rules: Rules | undefined, tokens: TokenFile | undefined): UserTraces {
  const groups = rules ? groupsOf(rules, user) : []
  const naming = rules ? rulesNaming(rules, user) : []
  const own = tokens ? [...tokens.tokens.values()].filter((token) => token.user === user) : []
  return {
    groups: groups.map((name) => ({ name, line: rules!.groups.get(name)!.line })),
    rules: naming.map(({ line, patterns }) => ({ line, repositories: patterns.map(({ text }) => text) })),
    tokens: own.map(({ id }) => id),
  }
}

/** What there is of rules and tokens. A file with a fault is no reason to fail: it is told. */
export async function readRulesAndTokens({ rules: rulesPath, tokens: tokensPath }: AccessFiles) {
  const problems: string[] = []
  const attempt = async <T>(path: string | undefined, read: (path: string) => Promise<T>) => {
    if (path === undefined) return undefined
    return await read(path).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error
      problems.push(error.message)
      return undefined
    })
  }
  const rules = await attempt(rulesPath, readRules)
  const tokens = await attempt(tokensPath, readTokensIfAny)
  return { rules, tokens, problems }
}

export async function tracesIn(files: AccessFiles, user: string) {
  const { rules, tokens, problems } = await readRulesAndTokens(files)
  return { traces: tracesOf(user, rules, tokens), problems }
}
