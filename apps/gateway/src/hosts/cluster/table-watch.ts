import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator, Watched } from '@sluice/shared/coordinator/coordinator'
import type { Logger } from '@sluice/shared/telemetry/log'

/** After an error of our own, which should not be. */
const againAfterMs = 1000

export type Watch = {
  /** The prefix of its keys. */
  readonly prefix: string
  readonly take: (watched: Watched) => Promise<void>
}

/** Keeps tables as new as the coordinator's keys, until it is disposed of. */
export class TableWatch implements AsyncDisposable {
  readonly #coordinator: Coordinator
  readonly #log: Logger
  readonly #over = new AbortController()
  readonly #watching: Promise<void>[]
  /** Keys whose values are not valid, of what is taken just now. */
  #invalid: string[] = []

  constructor(coordinator: Coordinator, watches: readonly Watch[], log: Logger) {
    this.#coordinator = coordinator
    this.#log = log
    this.#watching = watches.map((watch) => this.#follow(watch))
  }

  /** To be called with each value that is not valid. There may be thousands at once, which get one line. */
  invalid(key: string, revision: number): void {
    this.#invalid.push(`${key} (revision ${revision})`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#watching)
  }

  async #follow({ prefix, take }: Watch): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      try {
        for await (const watched of this.#coordinator.watch(prefix, signal)) {
          await take(watched)
          this.#sayInvalid()
        }
      } catch (error) {
        if (signal.aborted) return
        this.#log.error({ err: error, prefix }, 'a watch has failed, and begins anew')
      }
      await pause(againAfterMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  #sayInvalid(): void {
    const invalid = this.#invalid.splice(0)
    if (invalid.length === 0) return
    const keys = invalid.slice(0, 5)
    this.#log.error({ keys, count: invalid.length }, 'values in etcd are not valid: what they are about is not served')
  }
}
