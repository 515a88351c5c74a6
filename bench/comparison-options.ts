import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { contestantNames } from './peers/contestant.ts'
import type { ContestantName } from './peers/contestant.ts'
import { scenarios } from './scenarios/all.ts'
import type { Scenario } from './scenarios/scenario.ts'

export type Options = {
  readonly quick: boolean
  readonly scenarios: readonly Scenario[]
  readonly contestants: readonly ContestantName[]
  readonly rounds: number
  /** For scenarios that run for a fixed time. */
  readonly seconds: number
  readonly json: string | undefined
  /** Where repositories are kept between runs. */
  readonly cache: string
}

export const usage = `npm run bench -- [--quick] [--scenario NAME]... [--peer NAME]... [--rounds N] [--seconds N]
                 [--json FILE] [--cache FOLDER]

  scenarios  ${scenarios.map(({ name }) => name).join(', ')}
  peers      ${contestantNames.slice(1).join(', ')} (git: no server at all)
`

/** @throws with a sentence for the user */
export function readOptions(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      scenario: { type: 'string', multiple: true },
      peer: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'sluice-bench') },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const peers = (values.peer ?? contestantNames).map(
    (name) => contestantNames.find((known) => known === name) ?? unknown('peer', name),
  )
  const chosen = (values.scenario ?? scenarios.map(({ name }) => name)).map(
    (name) => scenarios.find((known) => known.name === name) ?? unknown('scenario', name),
  )
  return {
    quick: values.quick,
    scenarios: chosen,
    contestants: contestantNames.filter((name) => name === 'sluice' || peers.includes(name)),
    rounds: positive('rounds', values.rounds ?? (values.quick ? '2' : '5')),
    seconds: positive('seconds', values.seconds ?? (values.quick ? '0.4' : '2')),
    json: values.json,
    cache: values.cache,
  }
}

function unknown(what: string, name: string): never {
  throw new Error(`There is no ${what} ${name}.`)
}

function positive(what: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${what} takes a number above 0, not ${text}.`)
  return value
}
