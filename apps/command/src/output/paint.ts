import { styleText } from 'node:util'
import type { Sink } from './sink.ts'

type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold' | 'inverse'

/** Gives text a colour, where the text goes to a terminal that shows it (NO_COLOR turns that off). */
export type Paint = (style: Style, text: string) => string

export const withoutColours: Paint = (_style, text) => text

export function paintFor(sink: Sink): Paint {
  if (!sink.isTTY || process.env['NO_COLOR'] || process.env['TERM'] === 'dumb') return withoutColours
  return (style, text) => styleText(style, text, { validateStream: false })
}
