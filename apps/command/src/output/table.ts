import { stripVTControlCharacters } from 'node:util'
import type { Screen } from './report.ts'

/** A column of a table. */
export type Column = { readonly title: string; readonly align?: 'right' }

/**
 * Lines with columns of equal width. Each line but the header is one row. On a terminal, a line that is too long is cut
 * by taking from the last column.
 *
 * @param rows texts, which may be coloured
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], screen: Screen): string {
  const header = columns.map(({ title }) => screen.paint('bold', title.toUpperCase()))
  const widths = columns.map((_, index) => Math.max(...[header, ...rows].map((row) => widthOf(row[index] ?? ''))))
  const lines = [header, ...rows].map((row) => {
    const cells = columns.map(({ align }, index) => pad(row[index] ?? '', widths[index]!, align))
    return cut(cells.join('  ').trimEnd(), screen.columns)
  })
  return lines.join('\n')
}

function pad(text: string, width: number, align: 'right' | undefined): string {
  const room = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'right' ? room + text : text + room
}

/** Cuts what does not fit. Colours take no room. */
export function cut(line: string, columns: number | undefined): string {
  if (columns === undefined || widthOf(line) <= columns) return line
  let room = Math.max(0, columns - 1)
  const pieces = line.split(colour).map((piece, index) => {
    if (index % 2 === 1) return piece
    const kept = piece.slice(0, room)
    room -= kept.length
    return kept
  })
  return `${pieces.join('')}…`
}

/** As `paint` makes them. */
const escape = '\x1b'
const colour = new RegExp(`(${escape}\\[\\d+m)`)

export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
