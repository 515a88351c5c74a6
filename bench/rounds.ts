import { setTimeout as sleep } from 'node:timers/promises'
import { median } from './load/statistics.ts'
import type { Contestant, ContestantName, CpuByProcess } from './peers/contestant.ts'
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
  /** The CPU time of each contestant's processes for each request, in milliseconds: medians of the rounds. */
  readonly cpuMs: Readonly<Partial<Record<ContestantName, CpuByProcess>>>
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
  const cpu = new Map<Contestant, CpuByProcess[]>(contestants.map((contestant) => [contestant, []]))
  const errors: { contestant: string; message: string }[] = []
  const load = { cpuMs: 0, requests: 0 }
  showProgress(`${scenario.name}: preparing`)
  const takeTurn = await scenario.prepare(setting)
  const rounds = Math.min(options.rounds, scenario.mostRounds, setting.quick && !scenario.warmsUp ? 1 : Infinity)
  for (let round = scenario.warmsUp ? 0 : 1; round <= rounds; round++) {
    for (const contestant of contestants) {
      const isWarmUp = round === 0
      showProgress(`${scenario.name}: ${contestant.title}, ${isWarmUp ? 'warm-up' : `round ${round} of ${rounds}`}`)
      const before = await contestant.cpu()
      const own = process.cpuUsage()
      const sample = await takeTurn(contestant, { seconds: isWarmUp ? options.seconds / 2 : options.seconds })
      const { user, system } = process.cpuUsage(own)
      errors.push(...sample.errors.map((message) => ({ contestant: contestant.title, message })))
      if (!isWarmUp) samples.get(contestant)!.push(sample)
      if (!isWarmUp && contestant.server) {
        load.cpuMs += (user + system) / 1000
        load.requests += sample.requests
      }
      // Processes of requests are waited for meanwhile.
      await sleep(setting.quick ? restMs.quick : restMs.full)
      if (!isWarmUp) cpu.get(contestant)!.push(perRequest(before, await contestant.cpu(), sample.requests))
    }
  }
  const rows = scenario.figures.map((figure) => rowOf(scenario.name, figure, samples))
  const cpuMs = Object.fromEntries([...cpu].map(([{ name }, list]) => [name, mediansOf(list)]))
  return { scenario: scenario.name, rows, errors, loadCpuMs: load.cpuMs / load.requests, cpuMs }
}

function perRequest(before: CpuByProcess, after: CpuByProcess, requests: number): CpuByProcess {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, (value - (before[name] ?? 0)) / requests]),
  )
}

function mediansOf(list: readonly CpuByProcess[]): CpuByProcess {
  const names = Object.keys(list[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, median(list.map((times) => times[name]!))]))
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
