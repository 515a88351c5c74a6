import { Counter } from 'prom-client'
import type { Registry } from 'prom-client'
import { addGauges } from '@sluice/shared/telemetry/gauge'
import type { MirrorStatus } from '../operations/host-status.ts'
import type { MirrorRun } from './report-run.ts'

/** Each is a label of some metrics: the first of the file. */
const maxLabelled = 1000

/** What mirrors do, for operators. */
export class MirrorMetrics {
  readonly #registry: Registry
  readonly #runs: Counter<'result'>
  readonly #seconds: Counter

  constructor(registry: Registry) {
    this.#registry = registry
    const registers = [registry]
    this.#runs = new Counter({
      name: 'sluice_mirror_runs_total',
      help: 'Runs of mirrors, by how they went: changed, unchanged, or why they failed.',
      labelNames: ['result'],
      registers,
    })
    this.#seconds = new Counter({ name: 'sluice_mirror_seconds_total', help: 'How long these runs took.', registers })
  }

  ran({ result, milliseconds }: MirrorRun): void {
    this.#runs.inc({ result })
    this.#seconds.inc(milliseconds / 1000)
  }

  /** @param mirrors undefined where there is no file of mirrors */
  show(mirrors: { readonly all: readonly MirrorStatus[] } | undefined): void {
    const each = (read: (one: MirrorStatus) => number | undefined) => () =>
      (mirrors?.all ?? []).slice(0, maxLabelled).flatMap((one): [string, number][] => {
        const value = read(one)
        return value === undefined ? [] : [[one.repository, value]]
      })
    const lag = 'Seconds since a mirror was last as its upstream, of the first 1,000 mirrors. None where it never was.'
    addGauges(
      this.#registry,
      'sluice_mirror_lag_seconds',
      lag,
      'repository',
      each((one) => one.lagSeconds),
    )
    const failures = 'How often in a row a mirror has failed, of the first 1,000 mirrors.'
    addGauges(
      this.#registry,
      'sluice_mirror_failures',
      failures,
      'repository',
      each((one) => one.failures),
    )
  }
}
