import { Counter } from 'prom-client'
import type { Registry } from 'prom-client'
import { addGauges } from '@sluice/shared/telemetry/gauge'
import type { Maintenance, MaintenanceRun } from './maintenance.ts'

/** What maintenance does, for operators. */
export class MaintenanceMetrics {
  readonly #registry: Registry
  readonly #runs: Counter<'result'>
  readonly #tasks: Counter<'task'>
  readonly #seconds: Counter
  readonly #saved: Counter

  constructor(registry: Registry) {
    this.#registry = registry
    const registers = [registry]
    this.#runs = new Counter({
      name: 'sluice_maintenance_runs_total',
      help: 'Repositories that were kept in shape, by how that went.',
      labelNames: ['result'],
      registers,
    })
    this.#tasks = new Counter({
      name: 'sluice_maintenance_tasks_total',
      help: 'What was done in these runs.',
      labelNames: ['task'],
      registers,
    })
    this.#seconds = new Counter({
      name: 'sluice_maintenance_seconds_total',
      help: 'How long these runs took.',
      registers,
    })
    this.#saved = new Counter({
      name: 'sluice_maintenance_saved_bytes_total',
      help: 'How much smaller repositories have become by it.',
      registers,
    })
  }

  ran({ tasks, result, milliseconds, savedBytes }: MaintenanceRun): void {
    this.#runs.inc({ result })
    for (const task of tasks) this.#tasks.inc({ task })
    this.#seconds.inc(milliseconds / 1000)
    this.#saved.inc(Math.max(0, savedBytes))
  }

  /** @param maintenance undefined where it is turned off */
  show(maintenance: Pick<Maintenance, 'counts'> | undefined): void {
    const help = 'Repositories that are to be looked at, wait for maintenance, or have it now.'
    addGauges(this.#registry, 'sluice_maintenance_repositories', help, 'state', () =>
      Object.entries(maintenance?.counts ?? { due: 0, waiting: 0, running: 0 }),
    )
  }
}
