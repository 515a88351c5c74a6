import type { Screen } from '../../output/report.ts'
import { widthOf } from '../../output/table.ts'
import type { Finding } from './finding.ts'

const marks = { ok: 'ok', warning: 'warning', error: 'ERROR' } as const
const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const
const markColumns = 9

/** A line for each finding, with what to do below it, and a sentence on the whole. */
export function findingsText(findings: readonly Finding[], screen: Screen): string {
  return [...findings.map((finding) => lineFor(finding, screen)), '', summaryOf(findings)].join('\n')
}

function lineFor({ level, about, what, todo }: Finding, { paint, columns }: Screen): string {
  const mark = paint(colours[level], marks[level].padEnd(markColumns))
  // A problem of the configuration often begins with the name of its setting.
  const said = what.startsWith(about) ? what : `${paint('bold', about)}: ${what}`
  const lines = [said, ...(todo === null ? [] : [paint('cyan', `→ ${todo}`)])]
  return mark + lines.flatMap((line) => wrapped(line, columns)).join(`\n${' '.repeat(markColumns)}`)
}

/** Breaks a line between words, so that it fits beside the marks. */
function wrapped(line: string, columns: number | undefined): string[] {
  if (columns === undefined) return [line]
  const room = Math.max(20, columns - markColumns)
  const lines: string[] = []
  for (const word of line.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= room) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
  const [errors, warnings] = [count('error'), count('warning')]
  if (errors + warnings === 0) return 'Everything that can be checked before the start is right.'
  return `${plural(errors, 'error')}, ${plural(warnings, 'warning')}.`
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
