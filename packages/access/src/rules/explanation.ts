import { plainName } from '@sluice/shared/git/repository-name'
import type { RepositoryRights } from '../rights.ts'
import { reservedNames } from './named.ts'
import { rightsBy } from './rules-file.ts'
import type { Rule, Rules } from './rules-file.ts'

/** Why somebody may do what with a repository. */
export type Explanation = RepositoryRights & {
  /** The first rule that fits. It decides alone. Undefined where none fits. */
  readonly decidedBy: RuleForUser | undefined
  /** Rules further down that fit, too, and never count for this name. */
  readonly neverReached: readonly RuleForUser[]
  /** The groups that the user is in. */
  readonly groups: readonly string[]
}

/** What one rule says of one user and one repository. */
export type RuleForUser = RepositoryRights & {
  readonly number: number
  readonly line: number
  /** The pattern that fits. */
  readonly pattern: string
  /** The entry of each list that names the user: `ann`, `@backend`, `users` or `anyone`. */
  readonly read: string | undefined
  readonly write: string | undefined
  readonly create: string | undefined
}

/** @param user undefined for somebody who has not logged in */
export function explain(rules: Rules, repository: string, user: string | undefined): Explanation {
  const name = plainName(repository)
  const fitting = rules.rules.flatMap((rule) => {
    const pattern = rule.patterns.find(({ fits }) => fits(name))
    return pattern ? [ruleFor(user, rule, pattern.text)] : []
  })
  const [decidedBy, ...neverReached] = fitting
  const { rights, mayCreate } = rules.rightsOf(repository, user)
  return { rights, mayCreate, decidedBy, neverReached, groups: user === undefined ? [] : groupsOf(rules, user) }
}

function ruleFor(user: string | undefined, rule: Rule, pattern: string): RuleForUser {
  const { number, line, read, write, create } = rule
  return {
    number,
    line,
    pattern,
    ...rightsBy(rule, user),
    read: read.entryFor(user),
    write: write.entryFor(user),
    create: create.entryFor(user),
  }
}

/** The groups that a user is in, in the order of the file. */
export function groupsOf({ groups }: Rules, user: string): string[] {
  return [...groups].filter(([, { members }]) => members.has(user)).map(([name]) => name)
}

/** Who is named where: each rule is gone through once, however many users are asked about. */
export type NameTable = {
  /** All names that stand in rules and groups. `users` and `anyone` are names of nobody. */
  readonly names: readonly string[]
  /** The rules that have a user's name, or a group that the user is in, in the order of the file. */
  readonly rulesFor: (user: string) => readonly Rule[]
}

export function nameTableOf(rules: Rules): NameTable {
  const byEntry = new Map<string, Rule[]>()
  for (const rule of rules.rules) {
    for (const entry of new Set([rule.read, rule.write, rule.create].flatMap(({ entries }) => [...entries]))) {
      const known = byEntry.get(entry)
      if (known) known.push(rule)
      else byEntry.set(entry, [rule])
    }
  }
  const own = [...byEntry.keys()].filter((entry) => !entry.startsWith('@'))
  const members = [...rules.groups.values()].flatMap((group) => [...group.members])
  return {
    names: [...new Set([...own, ...members])].filter((name) => !reservedNames.includes(name)),
    rulesFor: (user) => {
      const entries = [user, ...groupsOf(rules, user).map((name) => `@${name}`)]
      const found = new Set(entries.flatMap((entry) => byEntry.get(entry) ?? []))
      return [...found].toSorted((one, other) => one.number - other.number)
    },
  }
}
