import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar } from 'yaml'
import type { Document, Node, Pair } from 'yaml'
import { formsOf } from './setting-forms.ts'
import { nearest } from './nearest.ts'
import { dotted, groupNames, keyOf, places } from './setting-names.ts'
import type { Place } from './setting-names.ts'
import type { FileEntry } from './settings-file.ts'

/** How many aliases are followed. Each is looked for in the whole file. */
const mostAliases = 100
/** How many problems of one file are told. */
const mostProblems = 20

/**
 * Reads the text of a settings file: a mapping of groups, each a mapping of settings, each a text, a number, on or off,
 * or a list of these. Scalars are taken as they are written, so no number and no time is taken for another one.
 */
export function readSettingsDocument(
  text: string,
  path: string,
): { entries: Map<string, FileEntry>; problems: string[] } {
  const reading = new Reading(text)
  reading.read()
  const problems = reading.problems.toSorted((one, other) => one.line - other.line).slice(0, mostProblems)
  return { entries: reading.entries, problems: problems.map(({ line, problem }) => `${path}:${line}: ${problem}`) }
}

class Reading {
  readonly entries = new Map<string, FileEntry>()
  readonly problems: { readonly line: number; readonly problem: string }[] = []
  readonly #lines = new LineCounter()
  readonly #document: Document
  #aliases = 0

  constructor(text: string) {
    this.#document = parseDocument(text, {
      schema: 'failsafe',
      prettyErrors: false,
      lineCounter: this.#lines,
      uniqueKeys: false,
    })
  }

  read(): void {
    for (const { code, message, pos } of this.#document.errors.slice(0, 3)) {
      const hint = code === 'BAD_SCALAR_START' ? '; put the value in quotes' : ''
      const words = code === 'MULTIPLE_DOCS' ? 'there is more than one document in it' : message
      this.#tell(pos[0], `this is not valid YAML: ${words}${hint}.`)
    }
    const top = this.#document.contents
    if (this.problems.length > 0 || isNothing(top)) return
    for (const { key, value, at } of this.#pairsOf(top, 'groups of settings, such as "addresses:"')) {
      if (groupNames.includes(key)) this.#readGroup(key, value)
      else this.#tell(at, unknownGroup(key))
    }
  }

  #readGroup(group: string, node: Node | null): void {
    if (isNothing(node)) return
    for (const { key, value, at } of this.#pairsOf(node, `settings, in lines of their own below "${group}:"`)) {
      const place = places.get(key)
      if (place?.group === group) this.#readSetting(place, value, at)
      else this.#tell(at, unknownKey(group, key))
    }
  }

  #readSetting(place: Place, node: Node | null, at: number): void {
    const { name } = place.setting
    const known = this.entries.get(name)
    if (known) {
      this.#tell(at, `${dotted(place)} and ${known.key} (line ${known.line}) are the same setting. Keep one of them.`)
      return
    }
    const text = this.#textOf(place, node, at)
    // As with a variable, nothing counts as not set.
    if (text) this.entries.set(name, { text, line: this.#lineAt(at), key: dotted(place) })
  }

  #textOf(place: Place, node: Node | null, at: number): string | undefined {
    const value = this.#follow(node)
    if (isNothing(value)) return undefined
    if (isScalar(value)) return this.#scalarText(place, value, at)
    if (isSeq(value) && place.setting.isList) return this.#listText(place, value.items as (Node | null)[], at)
    const what = isSeq(value) ? 'a list' : 'settings of its own'
    return this.#tell(at, `${dotted(place)} takes ${place.setting.takes}, not ${what}.`)
  }

  #listText(place: Place, items: readonly (Node | null)[], at: number): string | undefined {
    const texts = items.map((item) => {
      const value = this.#follow(item)
      const text = isScalar(value) ? this.#scalarText(place, value, at) : undefined
      if (text && !text.includes(',')) return text
      return this.#tell(
        value?.range?.[0] ?? at,
        `each item of ${dotted(place)} is one text without a comma, and not empty.`,
      )
    })
    return texts.includes(undefined) ? undefined : texts.join(',')
  }

  #scalarText(place: Place, scalar: Scalar, at: number): string | undefined {
    const text = String(scalar.value)
    if (scalar.type === Scalar.QUOTE_DOUBLE || scalar.type === Scalar.QUOTE_SINGLE) return text
    if (/^[+-]?0\d+$/.test(text)) {
      const digits = text.replace(/^([+-]?)0+(?=\d)/, '$1')
      return this.#tell(at, `${dotted(place)}: write ${digits} instead of ${text}, which some read as an octal number.`)
    }
    return inWordsOf(place, text.trim())
  }

  /** @returns the node that an alias stands for, or the node itself */
  #follow(node: Node | null): Node | null | undefined {
    if (!isAlias(node)) return node
    const at = node.range?.[0] ?? 0
    if (++this.#aliases > mostAliases) return this.#tell(at, `a file may have ${mostAliases} aliases (*name) at most.`)
    const found = node.resolve(this.#document)
    if (found) return found
    return this.#tell(at, `there is no anchor &${node.source}. Put a value that begins with * in quotes.`)
  }

  #pairsOf(node: Node | null, wanted: string): { key: string; value: Node | null; at: number }[] {
    const map = this.#follow(node)
    if (map === undefined) return []
    if (!isMap(map)) {
      this.#tell(map?.range?.[0] ?? 0, `here should be ${wanted}.`)
      return []
    }
    const lineOf = new Map<string, number>()
    return (map.items as Pair<Node, Node | null>[]).flatMap(({ key: keyNode, value }) => {
      const at = keyNode.range?.[0] ?? 0
      if (!isScalar(keyNode)) return this.#tell(at, 'a key is a name, not a list or an alias.') ?? []
      const key = String(keyNode.value)
      const first = lineOf.get(key)
      if (first !== undefined)
        return this.#tell(at, `${quoted(key)} is there already, in line ${first}. Keep one.`) ?? []
      lineOf.set(key, this.#lineAt(at))
      return { key, value, at }
    })
  }

  #tell(at: number, problem: string): undefined {
    this.problems.push({ line: this.#lineAt(at), problem })
  }

  #lineAt(offset: number): number {
    return this.#lines.linePos(offset).line
  }
}

/** An empty place, which stands for nothing. */
function isNothing(node: Node | null | undefined): boolean {
  return !node || (isScalar(node) && node.type === Scalar.PLAIN && /^(?:~|null)?$/i.test(String(node.value)))
}

/**
 * In YAML, true and false are often written for on and off, and some programs take yes and no for them. What a setting
 * takes as it is stays as it is.
 */
function inWordsOf({ setting }: Place, text: string): string {
  const word = /^(?:true|yes|on)$/i.test(text) ? 'on' : /^(?:false|no|off)$/i.test(text) ? 'off' : undefined
  if (word === undefined) return text
  const { words } = formsOf(setting)
  return words.includes(word) && !words.includes(text) ? word : text
}

function unknownGroup(key: string): string {
  const place = places.get(keyOf(key.toUpperCase()))
  if (place) return `${quoted(key)} belongs under "${place.group}:", as ${quoted(place.key)}.`
  const near = nearest(key, groupNames)
  return `${quoted(key)} is no group of settings${near ? `; did you mean "${near}"?` : `: ${groupNames.join(', ')}.`}`
}

function unknownKey(group: string, key: string): string {
  const place = places.get(key) ?? places.get(keyOf(key.toUpperCase()))
  if (place && place.group !== group) return `${quoted(key)} belongs under "${place.group}:", as ${quoted(place.key)}.`
  if (place) return `${quoted(key)} is written ${quoted(place.key)} in this file.`
  const all = [...places.values()]
  const near = nearest(
    key,
    all.map((one) => one.key),
  )
  if (!near) return `${quoted(key)} is not a setting of Sluice. "sluice config" lists them all.`
  return `${quoted(key)} is not a setting of Sluice; did you mean "${near}" under "${places.get(near)!.group}:"?`
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
