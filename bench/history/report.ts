import { longestWithoutPrimary } from './checks/check-primaries.ts'
import type { History } from './history.ts'
import type { Found } from './checks/left-behind.ts'

export type Reported = {
  readonly faults: ReadonlyMap<string, number>
  readonly history: History
  readonly wrong: readonly Found[]
  readonly seed: string
}

const mostExamples = 8

/** Prints what was done and found. The process fails if anything is wrong. */
export function report({ faults, history, wrong, seed }: Reported): void {
  const longest = Math.round(longestWithoutPrimary(history))
  table('what went wrong on purpose', [...faults])
  table('what happened', [...Object.entries(history.counts), ['longest time without a primary, in ms', longest]])
  table('why pushes were not acknowledged', [...history.reasons])
  table(
    'what is wrong',
    wrong.map(({ what, found }) => [what, found.length]),
  )
  for (const { what, found } of wrong) {
    if (found.length > 0) console.log(`\n${what}:\n${found.slice(0, mostExamples).join('\n')}`)
  }
  if (wrong.some(({ found }) => found.length > 0)) process.exitCode = 1
  console.log(`\nThe seed was ${seed}.`)
}

function table(title: string, rows: readonly (readonly [string, number])[]): void {
  const width = Math.max(title.length, ...rows.map(([what]) => what.length))
  console.log(`\n| ${title.padEnd(width)} | count |\n| ${'-'.repeat(width)} | ----: |`)
  for (const [what, count] of rows) console.log(`| ${what.padEnd(width)} | ${String(count).padStart(5)} |`)
}
