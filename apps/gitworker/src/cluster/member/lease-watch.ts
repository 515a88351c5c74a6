import type { Logger } from '@sluice/shared/telemetry/log'
import type { Registration } from './registration.ts'

const lookEveryMs = 250

/**
 * Notices when the lease is not surely live any more, and when it is again. Requests look at the lease themselves; this is
 * for the log, and for work that nobody waits for.
 */
export class LeaseWatch implements Disposable {
  readonly #registration: Pick<Registration, 'lease'>
  readonly #onDoubt: () => void
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #doubtedSince: number | undefined

  /** @param onDoubt ends what can be begun again: another host may soon be the primary */
  constructor(registration: Pick<Registration, 'lease'>, onDoubt: () => void, log: Logger) {
    this.#registration = registration
    this.#onDoubt = onDoubt
    this.#log = log
    this.#timer = setInterval(() => this.#look(), lookEveryMs).unref()
  }

  /** For how long it has not been surely live; 0 while it is. Milliseconds. */
  get doubtMs(): number {
    return this.#doubtedSince === undefined ? 0 : performance.now() - this.#doubtedSince
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { lease } = this.#registration
    const isLive = lease?.isLive === true
    if (isLive === (this.#doubtedSince === undefined)) return
    if (isLive) {
      this.#log.info({ lease: lease.id, ms: Math.round(this.doubtMs) }, 'the lease of this host is live again')
      this.#doubtedSince = undefined
    } else {
      this.#doubtedSince = performance.now()
      this.#onDoubt()
      this.#log.warn({ lease: lease?.id }, 'the lease of this host is not surely live: it takes no pushes until it is')
    }
  }
}
