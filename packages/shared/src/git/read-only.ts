import { lookUpByNames } from './repository-pattern.ts'
import type { PatternTable } from './repository-pattern.ts'

/**
 * Which repositories take no pushes, and why: by patterns of their names, each with a sentence of the operator's, or
 * without one (an empty text).
 */
export type ReadOnlyTable = PatternTable<string>

/** In UTF-16 units. */
const maxSentenceLength = 500

/**
 * Reads `pattern=sentence; pattern`, or the same with each pair on a line of its own. Lines that begin with `#` are
 * comments. A sentence may hold anything but semicolons, line breaks and control characters.
 *
 * @returns the rows, or which part is wrong and why
 */
export function parseReadOnly(text: string): ReadOnlyTable | { problem: string } {
  const rows: { pattern: string; value: string }[] = []
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('#'))
  for (const part of lines.flatMap((line) => line.split(';')).map((piece) => piece.trim())) {
    if (part === '') continue
    const [, pattern = '', sentence = ''] = /^([^=]+)(?:=([^]*))?$/.exec(part) ?? []
    const name = pattern.trim()
    if (name === '' || /[\s,]/.test(name)) {
      return problem(part, 'a pattern without spaces and commas comes first, and then = and a sentence')
    }
    const value = sentence.trim()
    if (!isSentence(value)) return problem(name, sentenceRule)
    rows.push({ pattern: name, value })
  }
  return rows
}

const sentenceRule = `its sentence must have at most ${maxSentenceLength} characters, and no control characters`

/** Whether git may show a text to its user. An empty one says nothing. */
function isSentence(text: string): boolean {
  return text.length <= maxSentenceLength && text.isWellFormed() && !/\p{Cc}/u.test(text)
}

/** A sentence from a repository's own configuration, cut to what may be shown. */
export function shownSentence(text: string): string {
  return text
    .toWellFormed()
    .replace(/\s*\p{Cc}+\s*/gu, ' ')
    .trim()
    .slice(0, maxSentenceLength)
    .toWellFormed()
}

/** @returns a function from all names of a repository to the sentence; undefined where it takes pushes */
export function readOnlyBy(table: ReadOnlyTable): (names: readonly string[]) => string | undefined {
  return lookUpByNames(table)
}

function problem(part: string, why: string): { problem: string } {
  return { problem: `in "${part.length > 80 ? `${part.slice(0, 80)}…` : part}": ${why}` }
}
