import { isMap, isNode, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { Alias, Document, YAMLParseError } from 'yaml'
import { z } from 'zod'
import type { AsideReader } from '@sluice/shared/config/aside/read-aside'
import { keyThatIsThereTwice } from '@sluice/shared/config/form/key-twice'
import { whyNoRepositoryFits } from '@sluice/shared/git/pattern-mistakes'
import { isUserName } from '@sluice/shared/host-protocol/user-name'

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
    .max(10_000, 'a file may have 10,000 rules at most'),
})

type FileForm = z.infer<typeof fileForm>

/** A part of a rules file without functions, so that it may come from another thread. Lines count from 1. */
export type RulesPiece =
  | { readonly group: string; readonly line: number; readonly members: readonly string[] }
  | { readonly rule: FileForm['rules'][number]; readonly line: number }

/** Some pieces at once, with so many names and patterns: to hand over each by itself takes long. */
const namesInBatch = 1000

/** Reads a rules file into batches of its groups, and then of its rules. @throws {Error} in words */
export const reader: AsideReader<readonly RulesPiece[]> = {
  module: import.meta.url,
  *pieces(text, path) {
    let batch: RulesPiece[] = []
    let names = 0
    for (const piece of piecesOf(parseRules(text, path))) {
      batch.push(piece)
      names += namesIn(piece)
      if (names < namesInBatch) continue
      yield batch
      batch = []
      names = 0
    }
    if (batch.length > 0) yield batch
  },
}

function namesIn(piece: RulesPiece): number {
  if ('group' in piece) return 1 + piece.members.length
  const { repositories, read, write, create } = piece.rule
  return repositories.length + read.length + write.length + create.length
}

function piecesOf({ groups, rules, lines }: ReturnType<typeof parseRules>): RulesPiece[] {
  const inOrder = Object.entries(groups).map(([group, members]) => ({ group, line: lines.ofGroup(group), members }))
  return [...inOrder, ...rules.map((rule, index) => ({ rule, line: lines.ofRule(index) }))]
}

/** The groups and rules as they are written. @throws {Error} in words */
export function parseRules(text: string, path: string): FileForm & { readonly lines: Lines } {
  const lineCounter = new LineCounter()
  // Aliases could make a short file a huge one.
  const options = { maxAliasCount: 0, strict: true, uniqueKeys: false, prettyErrors: false, lineCounter } as object
  const document = parseDocument(text, options)
  const at = (offset: number) => `(line ${lineCounter.linePos(offset).line})`
  const problem = document.errors[0]
  if (problem) throw new Error(`${path} is not valid YAML: ${wordsFor(problem)} ${at(problem.pos[0])}`)
  const twice = keyThatIsThereTwice(document)
  if (twice) throw new Error(`${path}: ${twice.problem} ${at(twice.offset)}`)
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
