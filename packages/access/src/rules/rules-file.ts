import { readAside } from '@sluice/shared/config/aside/read-aside'
import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { plainName } from '@sluice/shared/git/repository-name'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import type { RepositoryRights } from '../rights.ts'
import { namedIn } from './named.ts'
import type { Group, Named } from './named.ts'
import { reader } from './parse-rules.ts'
import type { RulesPiece } from './parse-rules.ts'

export type Rules = {
  /**
   * What a user may do with a repository. An undefined user has not logged in. The repository may be addressed in any
   * way: rules are about its plain name.
   */
  rightsOf(repository: string, user: string | undefined): RepositoryRights
  /** In the order of the file. */
  readonly rules: readonly Rule[]
  readonly groups: ReadonlyMap<string, Group>
}

/** One rule. Lines and numbers count from 1. */
export type Rule = {
  readonly number: number
  readonly line: number
  readonly patterns: readonly { readonly text: string; readonly fits: (name: string) => boolean }[]
  readonly read: Named
  readonly write: Named
  readonly create: Named
}

/**
 * Reads a rules file (YAML, or JSON). The first rule with a pattern that fits the repository's name decides: a user who
 * is not in it may do nothing there. If no rule fits, nobody may do anything.
 *
 * @throws {Error} in words
 */
export function readRulesFile(text: string, path: string): Rules {
  const making = new RulesInMaking(path)
  for (const pieces of reader.pieces(text, path)) for (const piece of pieces) making.add(piece)
  return making.rules
}

/**
 * The same while requests are served.
 *
 * @param signal ends the reading
 */
export async function readRulesFileAside(text: string, path: string, signal?: AbortSignal): Promise<Rules> {
  const making = new RulesInMaking(path)
  const turn = new LoopTurn()
  for await (const pieces of readAside(reader, text, path, signal)) {
    for (const piece of pieces) {
      making.add(piece)
      await turn.letOthers()
    }
  }
  return making.rules
}

class RulesInMaking {
  readonly #path: string
  readonly #groups = new Map<string, Group>()
  readonly #rules: Rule[] = []

  constructor(path: string) {
    this.#path = path
  }

  add(piece: RulesPiece): void {
    if ('group' in piece) {
      this.#groups.set(piece.group, { line: piece.line, members: new Set(piece.members) })
      return
    }
    const { repositories, read, write, create } = piece.rule
    const named = (list: readonly string[]) => namedIn(list, this.#groups, this.#path)
    this.#rules.push({
      number: this.#rules.length + 1,
      line: piece.line,
      patterns: repositories.map((pattern) => ({ text: pattern, fits: fitsPattern(pattern) })),
      read: named(read),
      write: named(write),
      create: named(create),
    })
  }

  get rules(): Rules {
    const rules = this.#rules
    return {
      rules,
      groups: this.#groups,
      rightsOf(repository, user) {
        const name = plainName(repository)
        const rule = rules.find(({ patterns: all }) => all.some(({ fits }) => fits(name)))
        return rule ? rightsBy(rule, user) : { rights: 'none', mayCreate: false }
      },
    }
  }
}

/** What one rule lets a user do. To push includes to read, and only who may push may create. */
export function rightsBy({ read, write, create }: Rule, user: string | undefined): RepositoryRights {
  if (write.has(user)) return { rights: 'write', mayCreate: create.has(user) }
  return { rights: read.has(user) ? 'read' : 'none', mayCreate: false }
}
