import { coveringBy, standingFor } from './pattern-cover.ts'

type Rule = { readonly repositories: readonly string[] }
type Earlier = { readonly pattern: string; readonly number: number; readonly covers: ReturnType<typeof coveringBy> }

/** A rule that never decides, and the pattern of an earlier one that is why. Numbers count from 0. */
export type HiddenRule = { readonly number: number; readonly by: { readonly pattern: string; readonly number: number } }

/** How many pairs of patterns are compared: about a second's work. */
const usualMost = 1_000_000

/**
 * Finds the rules that never decide. A pattern is compared with earlier ones that begin with the same part of a name,
 * or with a wildcard, so even thousands of rules are looked through at once.
 *
 * @returns also how many rules were looked at: not all where there are too many patterns to compare
 */
export function findHiddenRules(
  rules: readonly Rule[],
  most = usualMost,
): { readonly hidden: readonly HiddenRule[]; readonly lookedAt: number } {
  const earlier = new Map<string, Earlier[]>()
  const hidden: HiddenRule[] = []
  let left = most
  const firstOver = (pattern: string): Earlier | undefined => {
    const names = standingFor(pattern)
    const lists = [startOf(names[0] ?? ''), anyStart].map((start) => earlier.get(start) ?? [])
    left -= lists.reduce((sum, list) => sum + list.length, 0)
    const [one, other] = lists.map((list) => list.find(({ covers }) => covers(names)))
    return one && other ? (one.number <= other.number ? one : other) : (one ?? other)
  }
  for (const [number, { repositories }] of rules.entries()) {
    const by = firstOver(repositories[0]!)
    const isHidden = by && repositories.slice(1).every((pattern) => left >= 0 && firstOver(pattern))
    if (left < 0) return { hidden, lookedAt: number }
    if (isHidden) hidden.push({ number, by })
    for (const pattern of repositories) {
      const one = { pattern, number, covers: coveringBy(pattern) }
      const list = earlier.get(startOf(pattern))
      if (list) list.push(one)
      else earlier.set(startOf(pattern), [one])
    }
  }
  return { hidden, lookedAt: rules.length }
}

/** No name has an empty part. */
const anyStart = ''

/** The first part of what a pattern fits, or `anyStart` where that may be any. */
function startOf(pattern: string): string {
  const start = pattern.replace(/^(?:\.\/)+/, '').split('/', 1)[0]!
  return /[*?[\\]/.test(start) ? anyStart : start
}
