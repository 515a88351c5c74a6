import { isNode, LineCounter, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { z } from 'zod'
import { keyThatIsThereTwice } from './key-twice.ts'

/** What a file says, and where. */
export type ReadForm<T> = {
  readonly data: T
  /** The line of a place, in parentheses: `(line 7)`. */
  readonly at: (place: readonly PropertyKey[]) => string
}

/**
 * Reads a file of YAML, or JSON, that has a form.
 *
 * @param path for messages
 * @throws {Error} in words, with the line
 */
export function readYamlForm<T>(text: string, path: string, form: z.ZodType<T>): ReadForm<T> {
  const lines = new LineCounter()
  // Aliases could make a short file a huge one.
  const document = parseDocument(text, { strict: true, uniqueKeys: false, prettyErrors: false, lineCounter: lines })
  const at = (place: readonly PropertyKey[]) => `(line ${lines.linePos(offsetOf(document, place)).line})`
  const [problem] = document.errors
  if (problem)
    throw new Error(`${path} is not valid YAML: ${problem.message} (line ${lines.linePos(problem.pos[0]).line})`)
  const twice = keyThatIsThereTwice(document)
  if (twice) throw new Error(`${path}: ${twice.problem} (line ${lines.linePos(twice.offset).line})`)
  const parsed = form.safeParse(contentsOf(document, path) ?? {})
  if (parsed.success) return { data: parsed.data, at }
  const { path: place, message } = parsed.error.issues[0]!
  const where = place.length > 0 ? `${place.join('.')}: ` : ''
  throw new Error(`${path}: ${where}${inWords(message)} ${at(place)}`)
}

/** Of all values, only times have no words of their own. */
function inWords(message: string): string {
  return /^invalid$|expected string/.test(message) ? 'here should be a time such as 30s, 10m or 2h' : message
}

/** @throws {Error} in words */
function contentsOf(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch {
    throw new Error(`${path}: aliases (*name) are not taken: put a value that begins with * in quotes`)
  }
}

/** Where the node at a place begins, or the one around it. */
function offsetOf(document: Document.Parsed, place: readonly PropertyKey[]): number {
  for (let length = place.length; length > 0; length--) {
    const node = document.getIn(place.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}
