import { fitsPattern } from './name-pattern.ts'
import { whyNoRepositoryFits } from './pattern-mistakes.ts'
import { plainName } from './repository-name.ts'

/**
 * Values for repositories by patterns of their names: `team/*`, `big/**`, `**`. The first pattern that fits decides.
 * What a pattern may hold is in name-pattern.ts.
 */
export type PatternTable<T> = readonly { readonly pattern: string; readonly value: T }[]

/**
 * Reads `pattern=value, pattern=value`.
 *
 * @returns undefined where a pattern is empty or `parseValue` gives undefined; a problem, in words, where a pattern could
 *   never fit
 */
export function parsePatternTable<T>(
  text: string,
  parseValue: (text: string) => T | undefined,
): PatternTable<T> | { readonly problem: string } | undefined {
  const rows: { pattern: string; value: T }[] = []
  for (const pair of text.split(',')) {
    const [, pattern, valueText = ''] = /^\s*([^=\s]+)=([^=\s]+)\s*$/.exec(pair) ?? []
    const value = parseValue(valueText)
    if (pattern === undefined || value === undefined) return undefined
    const why = whyNoRepositoryFits(pattern)
    if (why !== undefined) return { problem: `in "${pattern.slice(0, 80)}": ${why}` }
    rows.push({ pattern, value })
  }
  return rows
}

/** @returns a function from a repository's name, as it was addressed, to its value; undefined where no pattern fits */
export function lookUpBy<T>(table: PatternTable<T>): (repository: string) => T | undefined {
  const lookUp = lookUpByNames(table)
  return (repository) => lookUp([repository])
}

/** The same for all names that a repository goes by. The first row that fits any of them decides. */
export function lookUpByNames<T>(table: PatternTable<T>): (repositories: readonly string[]) => T | undefined {
  const rows = table.map(({ pattern, value }) => ({ fits: fitsPattern(pattern), value }))
  return (repositories) => {
    const names = repositories.map(plainName)
    return rows.find(({ fits }) => names.some(fits))?.value
  }
}
