import { writeFile } from 'node:fs/promises'
import { readOptions, usage } from './comparison-options.ts'
import type { Options } from './comparison-options.ts'
import { cpuTableOf, tableOf } from './comparison-table.ts'
import { describeMachine, sentencesOn } from './machine-description.ts'
import { startContestants } from './peers/start.ts'
import { endProgress, showProgress } from './progress-line.ts'
import { repositoriesIn } from './repositories/cache.ts'
import { targetsBelow } from './repositories/targets.ts'
import { measure } from './rounds.ts'
import type { Result } from './rounds.ts'

/*
 * `npm run bench` compares Sluice with its peers over the same repositories, and with git alone as the floor. It prints
 * one table. Any error makes the exit code 1. Run it on an idle machine.
 */

const options = readOptionsOr((sentence) => {
  console.error(`${sentence}\n\n${usage}`)
  process.exit(2)
})
if (options === 'help') {
  console.log(usage)
  process.exit(0)
}
await using started = new AsyncDisposableStack()
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => void started.disposeAsync().finally(() => process.exit(code)))
}
process.exitCode = (await compare(options, started)) ? 0 : 1

function readOptionsOr(refuse: (sentence: string) => never): Options | 'help' {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    return refuse((error as Error).message)
  }
}

/** @returns whether there was no error */
async function compare(
  { quick, scenarios, contestants: names, ...rest }: Options,
  stop: AsyncDisposableStack,
): Promise<boolean> {
  const repositories = await repositoriesIn(rest.cache, quick, showProgress)
  const targets = stop.use(targetsBelow(repositories.root))
  const { list: contestants, missing } = await startContestants(names, repositories.root, stop)
  for (const sentence of missing) console.error(sentence)
  const machine = describeMachine(contestants)
  const results: Result[] = []
  for (const scenario of scenarios) {
    results.push(await measure(scenario, contestants, { repositories, targets, quick }, rest))
  }
  endProgress()
  console.log(`${tableOf(results, contestants)}\n\n${cpuTableOf(results, contestants)}`)
  console.log(
    `\n${[...sentencesOn(machine), roundsSentence(quick, rest), loadSentence(results), ...missing].join('\n')}`,
  )
  if (rest.json !== undefined) {
    await writeFile(rest.json, `${JSON.stringify({ machine, quick, ...rest, missing, results }, undefined, 2)}\n`)
  }
  return reportErrors(results)
}

function roundsSentence(quick: boolean, { rounds, seconds }: { rounds: number; seconds: number }): string {
  return `Medians of ${rounds} rounds (long scenarios: fewer) of ${seconds} s${quick ? '; quick: repositories and times are small' : ''}.`
}

function loadSentence(results: readonly Result[]): string {
  const each = results.map(({ scenario, loadCpuMs }) => `${scenario} ${loadCpuMs.toFixed(2)}`)
  return `CPU of the load generator for each request, in ms: ${each.join(', ')}.`
}

/** The first error of each kind is printed in full. */
function reportErrors(results: readonly Result[]): boolean {
  const failed = results.filter(({ errors }) => errors.length > 0)
  if (failed.length === 0) return true
  console.error('\nERRORS: these figures do not count.')
  for (const { scenario, errors } of failed) {
    for (const [contestant, list] of Map.groupBy(errors, (error) => error.contestant)) {
      console.error(`${scenario}, ${contestant}: ${list.length}, such as: ${list[0]!.message}`)
    }
  }
  return false
}
