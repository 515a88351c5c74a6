import type { Logger } from '@sluice/shared/log'
import { isLive, processes } from '../process-table.ts'

const everyMs = 60_000

/** How many ended workers are remembered; their pids come round again only after many more. */
const maxRemembered = 10_000

/** What is left of requests that are over: it should be nothing. */
export type Leaked = { readonly processes: number; readonly zombies: number }

/**
 * Looks from time to time whether anything lives, or is a zombie, in a session that this supervisor started and whose
 * request is over. It is the check on all that is done against it, and takes nothing for granted but /proc.
 */
export class Audit implements Disposable {
  readonly #log: Logger
  readonly #over = new Set<number>()
  readonly #timer: NodeJS.Timeout
  #last: Leaked = { processes: 0, zombies: 0 }

  constructor(log: Logger) {
    this.#log = log
    this.#timer = setInterval(() => this.look(), everyMs)
    this.#timer.unref()
  }

  /** A worker begins: its pid, if it was another's before, is in use again. */
  begins(worker: number): void {
    this.#over.delete(worker)
  }

  isOver(worker: number): void {
    this.#over.add(worker)
    const [oldest] = this.#over
    if (this.#over.size > maxRemembered && oldest !== undefined) this.#over.delete(oldest)
  }

  /** What the last look has found. */
  get last(): Leaked {
    return this.#last
  }

  look(): Leaked {
    const left = processes().filter(({ session, group }) => this.#over.has(session) || this.#over.has(group))
    const live = left.filter(isLive)
    this.#last = { processes: live.length, zombies: left.length - live.length }
    const line = { leaked: this.#last, pids: left.slice(0, 20).map(({ pid }) => pid) }
    if (left.length > 0) this.#log.warn(line, 'processes of requests that are over are left')
    else this.#log.debug(line, 'nothing of requests that are over is left')
    return this.#last
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
