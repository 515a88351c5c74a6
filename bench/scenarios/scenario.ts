import type { Contestant } from '../peers/contestant.ts'
import type { Repositories } from '../repositories/cache.ts'
import type { Targets } from '../repositories/targets.ts'

/** One row of the table. */
export type Figure = {
  /** The scenario’s name, with a word that tells its figures apart if it has several. */
  readonly name: string
  readonly unit: string
  readonly better: 'more' | 'less'
}

export type Sample = {
  /** By the name of the figure. */
  readonly values: Readonly<Record<string, number>>
  /** The number of requests that the load generator has sent. */
  readonly requests: number
  readonly errors: readonly string[]
}

export type Setting = {
  readonly repositories: Repositories
  readonly targets: Targets
  readonly quick: boolean
}

export type Turn = {
  /** The duration of a scenario that runs for a fixed time. */
  readonly seconds: number
}

export type Scenario = {
  readonly name: string
  readonly figures: readonly Figure[]
  /** Long scenarios have fewer rounds. */
  readonly mostRounds: number
  /** Whether a turn that does not count comes first. */
  readonly warmsUp: boolean
  /** Whether the scenario cannot be compared with git alone. */
  readonly serversOnly?: boolean
  prepare(setting: Setting): Promise<(contestant: Contestant, turn: Turn) => Promise<Sample>>
}
