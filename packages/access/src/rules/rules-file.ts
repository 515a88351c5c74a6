import { isMap, isNode, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { Alias, Document, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { whyNoRepositoryFits } from '@sluice/shared/git/pattern-mistakes'
import { plainName } from '@sluice/shared/git/repository-name'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import type { RepositoryRights } from '../rights.ts'
import { namedIn } from './named.ts'
import type { Group, Named } from './named.ts'

/** Whom a rule is about: a user's name, `@group`, `users` (everybody who has logged in) or `anyone`. */
const who = z.string().refine(isUserName, 'this is not the name of a user or a group')
const someOf = z
  .union(
    [who.transform((one) => [one]), z.array(who).max(10_000)],
    'here should be a name or a list of names, in quotes if they look like numbers, true or false',
  )
  .default([])
const patterns = z
  .string()
  .min(1)
  .max(1024)
  .superRefine((pattern, context) => {
    const why = whyNoRepositoryFits(pattern)
    if (why !== undefined) context.addIssue({ code: 'custom', message: `${JSON.stringify(pattern)}: ${why}` })
  })

const fileForm = z.strictObject({
  groups: z.record(z.string(), z.array(who).max(10_000)).default({}),
  rules: z
    .array(
      z.strictObject({
        repositories: z.union(
          [patterns.transform((one) => [one]), z.array(patterns).min(1).max(1000)],
          'here should be a pattern or a list of patterns, in quotes if they look like numbers, true or false',
        ),
        read: someOf,
        write: someOf,
        create: someOf,
      }),
    )
    .max(10_000),
})

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
  const { groups: groupLists, rules: ruleForms, lines } = parseRules(text, path)
  const groups = new Map(
    Object.entries(groupLists).map(([name, members]) => [
      name,
      { line: lines.ofGroup(name), members: new Set(members) },
    ]),
  )
  const named = (list: readonly string[]) => namedIn(list, groups, path)
  const rules = ruleForms.map(({ repositories, read, write, create }, index) => ({
    number: index + 1,
    line: lines.ofRule(index),
    patterns: repositories.map((pattern) => ({ text: pattern, fits: fitsPattern(pattern) })),
    read: named(read),
    write: named(write),
    create: named(create),
  }))
  return {
    rules,
    groups,
    rightsOf(repository, user) {
      const name = plainName(repository)
      const rule = rules.find(({ patterns: all }) => all.some(({ fits }) => fits(name)))
      return rule ? rightsBy(rule, user) : { rights: 'none', mayCreate: false }
    },
  }
}

/** What one rule lets a user do. To push includes to read, and only who may push may create. */
export function rightsBy({ read, write, create }: Rule, user: string | undefined): RepositoryRights {
  if (write.has(user)) return { rights: 'write', mayCreate: create.has(user) }
  return { rights: read.has(user) ? 'read' : 'none', mayCreate: false }
}

type FileForm = z.infer<typeof fileForm>

/** The groups and rules as they are written. @throws {Error} in words */
export function parseRules(text: string, path: string): FileForm & { readonly lines: Lines } {
  const lineCounter = new LineCounter()
  // Aliases could make a short file a huge one.
  const options = { maxAliasCount: 0, strict: true, uniqueKeys: true, prettyErrors: false, lineCounter } as object
  const document = parseDocument(text, options)
  const at = (offset: number) => `(line ${lineCounter.linePos(offset).line})`
  const problem = document.errors[0]
  if (problem) throw new Error(`${path} is not valid YAML: ${wordsFor(problem)} ${at(problem.pos[0])}`)
  const alias = firstAlias(document)
  if (alias)
    throw new Error(`${path}: put "*${alias.source}" in quotes: YAML takes it for an alias ${at(alias.range![0])}`)
  const parsed = fileForm.safeParse(document.toJS({ maxAliasCount: 0 }))
  if (parsed.success) return { ...parsed.data, lines: linesOf(document, lineCounter) }
  const { path: place, message } = parsed.error.issues[0]!
  const where = place.length > 0 ? `${place.join('.')}: ` : ''
  throw new Error(`${path}: ${where}${message} ${at(offsetOf(document, place))}`)
}

function wordsFor({ code, message }: YAMLParseError): string {
  if (code === 'MULTIPLE_DOCS') return 'there is more than one document in it'
  return code === 'BAD_SCALAR_START' ? `${message}; put the value in quotes` : message
}

function firstAlias(document: Document.Parsed): Alias | undefined {
  let first: Alias | undefined
  visit(document, {
    Alias(_key, alias) {
      first = alias
      return visit.BREAK
    },
  })
  return first
}

/** Where the node at a place begins, or the one around it. */
function offsetOf(document: Document.Parsed, place: readonly PropertyKey[]): number {
  for (let length = place.length; length > 0; length--) {
    const node = document.getIn(place.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

/** Where things are in the file. */
type Lines = { ofRule(index: number): number; ofGroup(name: string): number }

function linesOf(document: Document.Parsed, lineCounter: LineCounter): Lines {
  const lineOf = (node: unknown) => {
    const { range } = (node ?? {}) as { range?: readonly number[] | null }
    return range ? lineCounter.linePos(range[0]!).line : 1
  }
  const rules = document.get('rules')
  const groups = document.get('groups')
  const groupLines = new Map(
    isMap(groups) ? groups.items.map(({ key }) => [String((key as { value?: unknown }).value), lineOf(key)]) : [],
  )
  return {
    ofRule: (index) => lineOf(isSeq(rules) ? rules.items[index] : undefined),
    ofGroup: (name) => groupLines.get(name) ?? 1,
  }
}
