import { setTimeout as pause } from 'node:timers/promises'
import type { AppProcess } from '../start/app-process.ts'
import type { Surfaces } from './surfaces.ts'

/*
 * A process of a cluster on one machine, which people kill to see what happens.
 *
 *   running ──it has ended──▶ missing ──after a while──▶ starting ──it listens──▶ running
 *                                ▲                          │
 *                                └────── it cannot start ───┘
 *
 * From the moment at which all is to stop, nothing is started any more.
 */

const missingForMs = 15_000

/** A process that has been started. `address` and `operations` are where it listens. */
export type Started = Pick<AppProcess, 'pid' | 'address' | 'operations' | 'failed' | 'stop' | 'hurry'>

export type KeptProcess = AsyncDisposable & {
  readonly name: string
  readonly latest: Started
}

/**
 * Starts a process, and starts it again a while after it has ended by itself.
 *
 * @param stopping aborted when all is to stop
 * @throws what the first start throws
 */
export async function keepRunning(
  name: string,
  start: () => Promise<Started>,
  surfaces: Pick<Surfaces, 'say'>,
  stopping: AbortSignal,
): Promise<KeptProcess> {
  const kept = new Kept(name, await start(), start, surfaces, stopping)
  void kept.keep()
  return kept
}

class Kept implements KeptProcess {
  readonly name: string
  readonly #start: () => Promise<Started>
  readonly #surfaces: Pick<Surfaces, 'say'>
  readonly #stopping: AbortSignal
  readonly #disposed = new AbortController()
  #latest: Started
  #restart: Promise<void> | undefined

  constructor(
    name: string,
    first: Started,
    start: () => Promise<Started>,
    surfaces: Pick<Surfaces, 'say'>,
    stopping: AbortSignal,
  ) {
    this.name = name
    this.#latest = first
    this.#start = start
    this.#surfaces = surfaces
    this.#stopping = AbortSignal.any([stopping, this.#disposed.signal])
  }

  get latest(): Started {
    return this.#latest
  }

  async keep(): Promise<void> {
    while (!this.#stopping.aborted) {
      await this.#latest.failed.catch(() => {})
      if (this.#stopping.aborted) return
      this.#surfaces.say(`\n  ${this.name} has ended. It starts again in ${missingForMs / 1000} seconds.\n`)
      await pause(missingForMs, undefined, { signal: this.#stopping }).catch(() => {})
      if (this.#stopping.aborted) return
      this.#restart = this.#startAgain()
      await this.#restart
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort()
    await this.#restart
    await this.#latest.stop()
  }

  async #startAgain(): Promise<void> {
    try {
      this.#latest = await this.#start()
      this.#surfaces.say(`\n  ${this.name} is back, with pid ${this.#latest.pid}.\n`)
    } catch (error) {
      this.#surfaces.say(`\n  ${this.name} cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}
