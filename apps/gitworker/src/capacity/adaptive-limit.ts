import type { Logger } from '@sluice/shared/telemetry/log'
import { pressureReader } from './pressure.ts'
import type { Pressure, ReadPressure } from './pressure.ts'

/*
 * A limit on concurrent fetches that goes down while the host is short of memory or processor time. Once a second:
 *
 *          short: halve                    calm for 5 s: one more
 *   full ────────────────▶ reduced ─────────────────────────────▶ growing ──as configured──▶ full
 *                          │     ▲                                │     │
 *                          └─────┘                                └─────┘
 *             short, 5 s after the last halving: halve            calm: one more every 2 s
 *
 *   growing ──short: halve──▶ reduced
 *
 * `full`: the limit is as configured. `reduced` and `growing`: it is lower, and at least 1.
 * Fetches that run when the limit goes down go on, so it takes some seconds until a halving has an effect.
 */

type State =
  | { readonly name: 'full' }
  /** In seconds: since the last halving, and since the last shortage. */
  | { readonly name: 'reduced'; since: number; calm: number }
  /** In seconds since the last step. */
  | { readonly name: 'growing'; since: number }

type Shortage = Extract<Pressure, { short: true }>

const lookEveryMs = 1000
const settleSeconds = 5
const calmSeconds = 5
const stepSeconds = 2

export type AdaptiveLimitOptions = {
  readonly configured: number
  /** Called with each new limit and a sentence that says why. */
  readonly onChange: (limit: number, reason: string) => void
  readonly log: Logger
  readonly readPressure?: ReadPressure
}

export class AdaptiveLimit implements Disposable {
  readonly configured: number
  /** When the host was last short of something (`at` in milliseconds since 1970), and of what. */
  lastShortage: { readonly at: number; readonly of: 'memory' | 'cpu'; readonly detail: string } | undefined
  #limit: number
  #state: State = { name: 'full' }
  readonly #options: AdaptiveLimitOptions
  readonly #timer: NodeJS.Timeout

  constructor(options: AdaptiveLimitOptions) {
    const { configured, readPressure = pressureReader() } = options
    this.configured = configured
    this.#limit = configured
    this.#options = options
    this.#timer = setInterval(() => this.#look(readPressure()), lookEveryMs)
    this.#timer.unref()
  }

  get limit(): number {
    return this.#limit
  }

  /** Stops measuring. The limit stays as it is. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(pressure: Pressure): void {
    if (pressure.short) this.#onShort(pressure)
    else this.#onCalm()
  }

  #onShort({ of, detail }: Shortage): void {
    this.lastShortage = { at: Date.now(), of, detail }
    const state = this.#state
    switch (state.name) {
      case 'full':
      case 'growing':
        this.#halve(of, detail)
        break
      case 'reduced':
        state.calm = 0
        if (++state.since >= settleSeconds) this.#halve(of, detail)
        break
    }
  }

  #onCalm(): void {
    const state = this.#state
    switch (state.name) {
      case 'full':
        break
      case 'reduced':
        state.since++
        if (++state.calm >= calmSeconds) this.#grow()
        break
      case 'growing':
        if (++state.since >= stepSeconds) this.#grow()
        break
    }
  }

  #halve(of: Shortage['of'], detail: string): void {
    if (this.#limit === 1) return
    const before = this.#limit
    const limit = Math.floor(before / 2)
    this.#state = { name: 'reduced', since: 0, calm: 0 }
    this.#set(limit, `short of ${of}: ${detail}`)
    const { configured } = this
    this.#options.log.warn({ limit, before, configured, of, detail }, `short of ${of}: fewer fetches run at once`)
  }

  #grow(): void {
    const { configured } = this
    const limit = this.#limit + 1
    this.#state = limit < configured ? { name: 'growing', since: 0 } : { name: 'full' }
    this.#set(limit, 'no shortage any more')
    if (limit === configured) this.#options.log.info({ limit }, 'as many fetches as configured run at once again')
  }

  #set(limit: number, reason: string): void {
    this.#limit = limit
    this.#options.onChange(limit, reason)
  }
}
