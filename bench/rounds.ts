import { setTimeout as sleep } from 'node:timers/promises'
import { median } from './load/statistics.ts'
import type { Contestant, ContestantName } from './peers/contestant.ts'
import { showProgress } from './progress-line.ts'
import type { Figure, Sample, Scenario, Setting } from './scenarios/scenario.ts'

/** The pause between two turns, so that what one leaves does not slow down the next. */
const restMs = { quick: 100, full: 250 }

export type Row = {
  readonly scenario: string
  readonly figure: Figure
  readonly medians: Readonly<Partial<Record<ContestantName, number>>>
  readonly samples: Readonly<Partial<Record<ContestantName, readonly number[]>>>
}

export type Result = {
  readonly scenario: string
  readonly rows: readonly Row[]
  readonly errors: readonly { readonly contestant: string; readonly message: string }[]
  /** The CPU time of the load generator for each request over HTTP. */
  readonly loadCpuMs: number
}

/** Every contestant has a turn in each round. If the machine becomes slower, it does so for all. */
export async function measure(
  scenario: Scenario,
  all: readonly Contestant[],
  setting: Setting,
  options: { readonly rounds: number; readonly seconds: number },
): Promise<Result> {
  const contestants = all.filter(({ server }) => server || scenario.serversOnly !== true)
  const samples = new Map<Contestant, Sample[]>(contestants.map((contestant) => [contestant, []]))
  const errors: { contestant: string; message: string }[] = []
  const load = { cpuMs: 0, requests: 0 }
  showProgress(`${scenario.name}: preparing`)
  const takeTurn = await scenario.prepare(setting)
  const rounds = Math.min(options.rounds, scenario.mostRounds, setting.quick && !scenario.warmsUp ? 1 : Infinity)
  for (let round = scenario.warmsUp ? 0 : 1; round <= rounds; round++) {
    for (const contestant of contestants) {
      const isWarmUp = round === 0
      showProgress(`${scenario.name}: ${contestant.title}, ${isWarmUp ? 'warm-up' : `round ${round} of ${rounds}`}`)
      const cpu = process.cpuUsage()
      const sample = await takeTurn(contestant, { seconds: isWarmUp ? options.seconds / 2 : options.seconds })
      const { user, system } = process.cpuUsage(cpu)
      errors.push(...sample.errors.map((message) => ({ contestant: contestant.title, message })))
      if (!isWarmUp) samples.get(contestant)!.push(sample)
      if (!isWarmUp && contestant.server) {
        load.cpuMs += (user + system) / 1000
        load.requests += sample.requests
      }
      await sleep(setting.quick ? restMs.quick : restMs.full)
    }
  }
  const rows = scenario.figures.map((figure) => rowOf(scenario.name, figure, samples))
  return { scenario: scenario.name, rows, errors, loadCpuMs: load.cpuMs / load.requests }
}

function rowOf(scenario: string, figure: Figure, samples: ReadonlyMap<Contestant, readonly Sample[]>): Row {
  const values: Partial<Record<ContestantName, number[]>> = {}
  const medians: Partial<Record<ContestantName, number>> = {}
  for (const [{ name }, list] of samples) {
    const found = list.map((sample) => sample.values[figure.name]).filter((value) => value !== undefined)
    if (found.length === 0) continue
    values[name] = found
    medians[name] = median(found)
  }
  return { scenario, figure, medians, samples: values }
}
