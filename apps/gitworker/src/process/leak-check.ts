import type { Logger } from '@sluice/shared/telemetry/log'
import { isLive } from './process-table.ts'
import type { Process } from './process-table.ts'
import { identify, kernelTable, processesOfAny } from './request-processes.ts'
import type { RequestMark } from './request-processes.ts'
import { signalAll } from './session.ts'

const everyMs = 60_000

/** At most so many requests that are over are remembered. */
const maxRemembered = 10_000

/** At most so many processes are named in the log. */
const maxNamed = 20

/** How many processes are left of requests that are over. It should be none. */
export type Leaked = { readonly processes: number; readonly zombies: number }

/**
 * Looks once a minute for processes of requests that are over, living or zombies. It checks everything that is done to
 * prevent them, and relies on nothing but /proc. It ends what it finds: with SIGTERM at the first look, with SIGKILL at the
 * next.
 */
export class LeakCheck implements Disposable {
  readonly #log: Logger
  readonly #table: typeof kernelTable
  readonly #over = new Set<RequestMark>()
  #told = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #last: Leaked = { processes: 0, zombies: 0 }

  constructor(log: Logger, table = kernelTable) {
    this.#log = log
    this.#table = table
    this.#timer = setInterval(() => this.look(), everyMs)
    this.#timer.unref()
  }

  /** To be called when a request is over. From now on, nothing of it may live. */
  isOver(mark: RequestMark): void {
    this.#over.add({ ...mark, until: this.#table.ticksNow() })
    const [oldest] = this.#over
    if (this.#over.size > maxRemembered && oldest !== undefined) this.#over.delete(oldest)
  }

  /** What the last look has found. */
  get last(): Leaked {
    return this.#last
  }

  look(): Leaked {
    const left = processesOfAny([...this.#over], this.#table)
    const live = left.filter(isLive)
    this.#last = { processes: live.length, zombies: left.length - live.length }
    const line = { leaked: this.#last, processes: left.slice(0, maxNamed).map(({ pid, name }) => ({ pid, name })) }
    if (left.length > 0) this.#log.warn(line, 'processes of requests that are over are left, and are ended')
    else this.#log.debug(line, 'nothing of requests that are over is left')
    this.#end(live)
    return this.#last
  }

  #end(live: readonly Process[]): void {
    const wasTold = (process: Process) => this.#told.has(identify(process))
    signalAll(live.filter(wasTold), 'SIGKILL')
    signalAll(
      live.filter((process) => !wasTold(process)),
      'SIGTERM',
    )
    this.#told = new Set(live.map(identify))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
