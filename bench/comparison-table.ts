import type { Contestant } from './peers/contestant.ts'
import type { Result, Row } from './rounds.ts'

/** All rows as one Markdown table. A ratio above 1 is good if more is better, and a ratio below 1 if less is better. */
export function tableOf(results: readonly Result[], contestants: readonly Contestant[]): string {
  const servers = contestants.filter(({ server }) => server)
  const hasNginx = servers.some(({ name }) => name === 'nginx')
  const alone = contestants.find(({ server }) => !server)
  const titles = [
    'scenario',
    'unit',
    ...servers.map(({ title }) => title),
    ...(hasNginx ? ['Sluice / nginx'] : []),
    ...(alone ? [alone.title] : []),
    'errors',
  ]
  const lines = results.flatMap((result) =>
    result.rows.map((row, index) => [
      row.figure.name,
      `${row.figure.unit} ${row.figure.better === 'more' ? '↑' : '↓'}`,
      ...servers.map(({ name }) => format(row.medians[name])),
      ...(hasNginx ? [ratio(row)] : []),
      ...(alone ? [format(row.medians[alone.name])] : []),
      index === 0 ? errorsOf(result) : '',
    ]),
  )
  return markdown(titles, lines, 2)
}

/** The CPU time of each request by process, in milliseconds, as another table. */
export function cpuTableOf(results: readonly Result[], contestants: readonly Contestant[]): string {
  const lines = results.flatMap(({ scenario, cpuMs }) =>
    contestants.flatMap(({ name, title }) => {
      const times = Object.entries(cpuMs[name] ?? {})
      const all = times.reduce((sum, [, ms]) => sum + ms, 0)
      // git as a client, without a server, is not the contestant's.
      if (all === 0) return []
      return [[scenario, title, times.map(([what, ms]) => `${what} ${format(ms)}`).join(', '), format(all)]]
    }),
  )
  return markdown(['scenario', 'contestant', 'CPU of each request by process, ms', 'all'], lines, 3)
}

/** @param firstNumber the column from which on there are numbers */
function markdown(titles: readonly string[], lines: readonly (readonly string[])[], firstNumber: number): string {
  const widths = titles.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]!.length)))
  const isNumber = (column: number) => column >= firstNumber
  return [titles, ...lines]
    .map((cells) =>
      cells.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))),
    )
    .map((cells) => `| ${cells.join(' | ')} |`)
    .toSpliced(
      1,
      0,
      `| ${widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`,
    )
    .join('\n')
}

function ratio({ medians: { sluice, nginx } }: Row): string {
  return sluice === undefined || nginx === undefined || nginx <= 0 ? '–' : (sluice / nginx).toFixed(2)
}

function format(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–'
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function errorsOf({ errors }: Result): string {
  const byContestant = Map.groupBy(errors, ({ contestant }) => contestant)
  const counts = [...byContestant].map(([contestant, list]) => `${contestant} ${list.length}`)
  return counts.length === 0 ? '0' : `**${counts.join(', ')}**`
}
