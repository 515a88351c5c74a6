import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Found } from './checks/left-behind.ts'
import type { History } from './history.ts'

export type Reported = {
  /** What it takes to do the same again: the seed, and other options. */
  readonly run: Readonly<Record<string, unknown>>
  readonly faults: ReadonlyMap<string, number>
  readonly history: History
  readonly wrong: readonly Found[]
  /** Where `report.json` is to be. */
  readonly folder?: string | undefined
}

const mostExamples = 8

/** Prints what was done and found. The process fails if anything is wrong. */
export async function report({ run, faults, history, wrong, folder }: Reported): Promise<void> {
  const longest = Math.round(history.longestWithoutPrimary)
  const happened = { ...history.counts, 'longest time without a primary, in ms': longest }
  table('what went wrong on purpose', [...faults])
  table('what happened', Object.entries(happened))
  table('why pushes were not acknowledged', [...history.reasons])
  table(
    'what is wrong',
    wrong.map(({ what, found }) => [what, found.length]),
  )
  for (const { what, found } of wrong) {
    if (found.length > 0) console.log(`\n${what}:\n${found.slice(0, mostExamples).join('\n')}`)
  }
  if (wrong.some(({ found }) => found.length > 0)) process.exitCode = 1
  console.log(`\nThe seed was ${String(run['seed'])}.`)
  if (folder === undefined) return
  const reasons = Object.fromEntries(history.reasons)
  const all = { run, faults: Object.fromEntries(faults), happened, reasons, wrong }
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(all, undefined, 2)}\n`)
}

function table(title: string, rows: readonly (readonly [string, number])[]): void {
  const width = Math.max(title.length, ...rows.map(([what]) => what.length))
  console.log(`\n| ${title.padEnd(width)} |  count |\n| ${'-'.repeat(width)} | -----: |`)
  for (const [what, count] of rows) console.log(`| ${what.padEnd(width)} | ${String(count).padStart(6)} |`)
}
