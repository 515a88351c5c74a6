import { nameTableOf } from '@sluice/access/rules/explanation'
import type { Rule, Rules } from '@sluice/access/rules/rules-file'
import type { TokenFile } from '@sluice/access/tokens/token-file'
import { CommandError } from '../output/failure.ts'
import type { AccessFiles } from './access-files.ts'
import { readRules, readTokensIfAny } from './read-files.ts'

/** How many rules are told of one user, and how many patterns of one rule. */
const mostRules = 10
const mostPatterns = 10

/** Where a user's name stands, beside the password file. */
export type UserTraces = {
  readonly groups: readonly { readonly name: string; readonly line: number }[]
  /** The first of them, and of their patterns. */
  readonly rules: readonly { readonly line: number; readonly repositories: readonly string[] }[]
  readonly ruleCount: number
  /** Ids. */
  readonly tokens: readonly string[]
}

export type Traces = {
  readonly of: (user: string) => UserTraces
  /** All names that stand in rules. */
  readonly named: readonly string[]
  /** What is wrong with the files, a sentence each. A file with a fault has no traces. */
  readonly problems: readonly string[]
}

/** Looks into the rules and the tokens, as far as there are any. */
export async function readTraces({ rules: rulesPath, tokens: tokensPath }: AccessFiles): Promise<Traces> {
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
  return { ...tracesIn(rules, tokens), problems }
}

/** Each file is gone through once, however many users are asked about. */
function tracesIn(rules: Rules | undefined, tokens: TokenFile | undefined): Pick<Traces, 'of' | 'named'> {
  const table = rules ? nameTableOf(rules) : { names: [], rulesFor: () => [] }
  const groups = [...(rules?.groups ?? [])]
  const tokenTable = Map.groupBy(tokens?.tokens.values() ?? [], ({ user }) => user)
  return {
    named: table.names,
    of(user) {
      const naming = table.rulesFor(user)
      return {
        groups: groups.filter(([, { members }]) => members.has(user)).map(([name, { line }]) => ({ name, line })),
        rules: naming.slice(0, mostRules).map(({ line, patterns }) => ({ line, repositories: textsOf(patterns) })),
        ruleCount: naming.length,
        tokens: (tokenTable.get(user) ?? []).map(({ id }) => id),
      }
    },
  }
}

function textsOf(patterns: Rule['patterns']): string[] {
  return patterns.slice(0, mostPatterns).map(({ text }) => text)
}
