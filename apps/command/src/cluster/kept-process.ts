import { setTimeout as pause } from 'node:timers/promises'
import { EndedError } from '@sluice/shared/app/run-app'
import type { AppProcess } from '../start/app-process.ts'
import type { LogFile } from './log-file.ts'
import { endOf } from './log-file.ts'
import type { Surfaces } from './surfaces.ts'

/*
 * A process of a cluster on one machine, which people kill to see what happens.
 *
 *   running ──it has ended──▶ missing ──after a while──▶ starting ──it listens──▶ running
 *                                ▲                          │
 *                                └────── it cannot start ───┘
 *
 * Before the cluster serves, nothing is started again: `died` says what has ended. From the moment at which all is to stop,
 * nothing is started any more.
 */

const missingForMs = 15_000

/** A process that has been started. `address` and `operations` are where it listens. */
export type Started = Pick<AppProcess, 'pid' | 'address' | 'operations' | 'failed' | 'stop'>

/** Starts a process, and resolves once it listens. */
export type Start = () => Promise<Started>

/** @throws {EndedError} with the end of its log, if it has ended before it listened; else what the start throws */
export async function startKept(name: string, log: LogFile, start: Start): Promise<KeptProcess> {
  try {
    return new KeptProcess(name, log, await start(), start)
  } catch (error) {
    throw await withLog(error, name, log)
  }
}

export class KeptProcess implements AsyncDisposable {
  readonly name: string
  /** Never resolves; rejects with an EndedError if the first process ends without having been told to. */
  readonly died: Promise<never>
  readonly #start: Start
  readonly #disposed = new AbortController()
  #latest: Started
  #restart: Promise<void> | undefined

  constructor(name: string, log: LogFile, first: Started, start: Start) {
    this.name = name
    this.#latest = first
    this.#start = start
    this.died = first.failed.catch(async (error: unknown) => {
      throw await withLog(error, name, log)
    })
    this.died.catch(() => {})
  }

  get latest(): Started {
    return this.#latest
  }

  /** From now on, starts it again a while after it has ended. */
  async keep({ say }: Pick<Surfaces, 'say'>, stopping: AbortSignal): Promise<void> {
    const over = AbortSignal.any([stopping, this.#disposed.signal])
    while (!over.aborted) {
      await this.#latest.failed.catch(() => {})
      if (over.aborted) return
      say(`\n  ${this.name} has ended. It starts again in ${missingForMs / 1000} seconds.\n`)
      await pause(missingForMs, undefined, { signal: over }).catch(() => {})
      if (over.aborted) return
      this.#restart = this.#startAgain(say, over)
      await this.#restart
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort()
    await this.#restart
    await this.#latest.stop()
  }

  async #startAgain(say: Surfaces['say'], over: AbortSignal): Promise<void> {
    try {
      this.#latest = await this.#start()
      say(`\n  ${this.name} is back, with pid ${this.#latest.pid}.\n`)
    } catch (error) {
      if (over.aborted) return
      say(`\n  ${this.name} cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}

async function withLog(error: unknown, name: string, log: LogFile): Promise<unknown> {
  return error instanceof EndedError ? new EndedError(name, error.exitCode, await endOf(log)) : error
}
