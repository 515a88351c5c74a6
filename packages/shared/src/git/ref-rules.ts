import { fitsPattern } from './name-pattern.ts'
import { whyNoNameFits, whyNoRepositoryFits } from './pattern-mistakes.ts'
import { plainName } from './repository-name.ts'

/**
 * What protects a reference from pushes. `no-force`: it only moves forward, and cannot be deleted. `no-delete`: it
 * cannot be deleted. `nobody`: no push may touch it, not even to create it.
 */
export type Protection = 'no-force' | 'no-delete' | 'nobody'

const protections: ReadonlySet<string> = new Set<Protection>(['no-force', 'no-delete', 'nobody'])

/** A row of the table: what protects the references that fit one pattern, in the repositories that fit another. */
export type RefRule = { readonly repository: string; readonly ref: string; readonly protections: readonly Protection[] }

/** The rules of one repository: from a full name such as `refs/heads/main` to all that protects it. */
export type RefRules = (ref: string) => ReadonlySet<Protection>

/**
 * Reads `repository:refs/…=protection+protection`, separated by commas, or `off`. The pattern of references must begin
 * with `refs/`: the short name of a branch would fit nothing.
 *
 * @returns the rows, or which part is wrong and why
 */
export function parseRefRules(text: string): RefRule[] | { problem: string } {
  if (text === 'off') return []
  const rules: RefRule[] = []
  for (const part of text.split(',').map((piece) => piece.trim())) {
    const [, left = '', right] = /^([^=\s]+)=([^=\s]+)$/.exec(part) ?? []
    if (right === undefined) return problem(part, 'a rule looks like **:refs/heads/main=no-force')
    const [, repository, ref] = /^(.+):(refs\/.+)$/.exec(left) ?? []
    if (repository === undefined || ref === undefined) {
      return problem(part, 'a repository’s pattern, a colon, and a pattern that begins with refs/ stand before the =')
    }
    const why = whyNoRepositoryFits(repository) ?? whyNoNameFits(ref)
    if (why !== undefined) return problem(part, why)
    const words = right.split('+')
    const unknown = words.find((word) => !protections.has(word))
    if (unknown !== undefined) return problem(part, `"${unknown}" is none of no-force, no-delete and nobody`)
    rules.push({ repository, ref, protections: words as Protection[] })
  }
  return rules
}

/**
 * @returns a function from all the names that a repository goes by, as they may be addressed, to its rules; undefined
 *   where no row is about it. The protections of all rows that fit are joined: a row only ever adds to them.
 */
export function refRulesBy(table: readonly RefRule[]): (repositories: readonly string[]) => RefRules | undefined {
  const rows = table.map((rule) => ({
    fitsRepository: fitsPattern(rule.repository),
    fitsRef: fitsPattern(rule.ref),
    protections: rule.protections,
  }))
  return (repositories) => {
    const names = repositories.map(plainName)
    const own = rows.filter(({ fitsRepository }) => names.some(fitsRepository))
    if (own.length === 0) return undefined
    return (ref) => new Set(own.flatMap((row) => (row.fitsRef(ref) ? row.protections : [])))
  }
}

function problem(part: string, why: string): { problem: string } {
  return { problem: `in "${part.length > 80 ? `${part.slice(0, 80)}…` : part}": ${why}` }
}
