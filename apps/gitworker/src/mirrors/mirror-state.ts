import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import type { MirrorFailure } from './run/mirror-error.ts'

/*
 * What is known of one mirror:
 *
 *   rests ──its time has come, or a fetch asks──▶ looks ──there is something──▶ fetches
 *     ▲                                             └──────────┬──────────────────┘
 *     ├── succeeded: next after the interval ◀─────────────────┤
 *     ├── failed: next after a pause that doubles ◀────────────┤
 *     └── postponed: next after a moment ◀─────────────────────┘
 *
 * Times are on the clock of `performance.now()`, but for those that people see.
 */

const firstPauseMs = 30_000
const longestPauseMs = 60 * 60_000
const momentMs = 10_000

/** Each time is off by up to this share, so that many mirrors do not ask at once. */
const jitter = 0.1

export type LastFailure = {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly failure: MirrorFailure
  readonly said: string
}

export class MirrorState {
  readonly mirror: Mirror
  phase: 'resting' | 'looking' | 'fetching' = 'resting'
  /** When it is to run next. */
  dueAt: number
  /** When the look began that showed how the upstream is. -Infinity: never. */
  lookedAt = -Infinity
  /** When it last succeeded, in milliseconds since 1970. Undefined where that is not known. */
  succeededAt: number | undefined
  /** Of what the upstream showed when all of it had come. */
  digest: string | undefined
  /** Failures in a row. */
  failures = 0
  lastFailure: LastFailure | undefined
  /** Why the last run gave way to another, in words. Undefined where it did not. */
  gaveWay: string | undefined
  /** Settles when the run that is under way, or else the next one, is over. */
  over = Promise.withResolvers<void>()
  readonly #random: () => number

  /** @param random from 0 to 1 */
  constructor(mirror: Mirror, now: number, random: () => number = Math.random) {
    this.mirror = mirror
    this.dueAt = now
    this.#random = random
  }

  /** Milliseconds since it was last as its upstream. Undefined where that is not known. @param now since 1970 */
  lag(now: number): number | undefined {
    return this.succeededAt === undefined ? undefined : Math.max(0, now - this.succeededAt)
  }

  /** Whether the upstream failed, and is not to be asked again yet. */
  isPausing(now: number): boolean {
    return this.failures > 0 && this.phase === 'resting' && now < this.dueAt
  }

  succeeded(beganAt: number, digest: string | undefined, now: number): void {
    Object.assign(this, { digest, gaveWay: undefined, failures: 0, lookedAt: beganAt, succeededAt: Date.now() })
    const { interval } = this.mirror
    // The upstream has changed meanwhile.
    this.#rest(digest === undefined ? now + Math.min(momentMs, interval) : beganAt + this.#blurred(interval))
  }

  /** It is tried again after a pause that doubles with each failure. */
  failed(failure: MirrorFailure, said: string, now: number): void {
    this.lastFailure = { at: Date.now(), failure, said }
    this.gaveWay = undefined
    const most = Math.max(longestPauseMs, this.mirror.interval)
    this.#rest(now + this.#blurred(Math.min(most, firstPauseMs * 2 ** Math.min(this.failures, 30))))
    this.failures++
  }

  /** Another was at work on the repository, or it was about to be moved. */
  postponed(now: number, why?: string): void {
    this.gaveWay = why
    this.#rest(now + momentMs)
  }

  #rest(dueAt: number): void {
    this.phase = 'resting'
    this.dueAt = dueAt
    const { resolve } = this.over
    this.over = Promise.withResolvers<void>()
    resolve()
  }

  #blurred(milliseconds: number): number {
    return milliseconds * (1 - jitter + 2 * jitter * this.#random())
  }
}
