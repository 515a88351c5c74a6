import { setTimeout } from 'node:timers/promises'
import type { Lease } from '../coordinator.ts'
import { isWithin, millisecondsSince } from './instant.ts'
import type { Instant } from './instant.ts'

/** `ttl`: milliseconds that the lease now lives. `since`: before it was asked for. */
export type Renewed = { readonly ttl: number; readonly since: Instant }

/** How a coordinator keeps a lease. */
export type LeaseKeeper = {
  /** @returns undefined: the lease has ended @throws when nobody can be asked */
  renew(signal: AbortSignal): Promise<Renewed | undefined>
  /** Ends the lease. @throws when nobody can be asked: then it ends by itself */
  revoke(): Promise<void>
}

/*
 * What a lease is shorter by for its holder: 250 ms, and 1%. The share is for clocks that run at different rates (NTP slews
 * by 0.05% at most, and broken machines do worse). The rest is for what lies between looking at the lease and the effect of
 * what was decided then: a turn of the event loop, a write to a socket; and for the steps of the clock (10 ms).
 * A blocked event loop needs no margin: `isLive` is worked out when it is read.
 */
const marginMs = 250
const marginShare = 0.01

/** Three renewals fit into one lease, so that one that fails costs nothing. */
const renewalsPerLease = 3
const retriesPerLease = 12

/**
 * A lease that renews itself.
 *
 *   live ──renewed──▶ live
 *    │ no renewal for ttl less the margin        ▲
 *    ├──────────▶ not surely live ──renewed──────┘
 *    │                 │
 *    └─────────────────┴──the coordinator says so, or it is disposed──▶ ended
 */
export class RenewedLease implements Lease {
  readonly id: string
  readonly #keeper: LeaseKeeper
  readonly #ended = new AbortController()
  readonly #renewing: Promise<void>
  #ttl: number
  /** Before the last renewal that succeeded was sent: the coordinator counts from later. */
  #since: Instant
  /** Until it is renewed next. */
  #waitMs: number

  /** @param since before the lease was asked for */
  constructor(id: string, ttl: number, since: Instant, keeper: LeaseKeeper) {
    this.id = id
    this.#ttl = ttl
    this.#since = since
    this.#keeper = keeper
    this.#waitMs = untilRenewal(ttl, since)
    this.#renewing = this.#renewUntilEnded()
  }

  get ttl(): number {
    return this.#ttl
  }

  get isLive(): boolean {
    return !this.#ended.signal.aborted && isWithin(this.#ttl * (1 - marginShare) - marginMs, this.#since)
  }

  get ended(): AbortSignal {
    return this.#ended.signal
  }

  #end(): void {
    this.#ended.abort(new Error(`The lease ${this.id} has ended.`))
  }

  async #renewUntilEnded(): Promise<void> {
    const { signal } = this.#ended
    while (await isOver(this.#waitMs, signal)) {
      await this.renewNow()
    }
  }

  /** Renews it out of turn: another answer of the coordinator has made its end likely. Never throws. */
  async renewNow(): Promise<void> {
    const { signal } = this.#ended
    const renewed = await this.#keeper.renew(signal).catch(() => 'failed' as const)
    if (signal.aborted) return
    if (renewed === 'failed') this.#waitMs = this.#ttl / retriesPerLease
    else if (renewed) this.#renewed(renewed)
    else this.#end()
  }

  #renewed({ ttl, since }: Renewed): void {
    // The older of two answers may come last.
    if (since.monotonic < this.#since.monotonic) return
    this.#ttl = ttl
    this.#since = since
    this.#waitMs = untilRenewal(ttl, since)
  }

  /** Renews it no more. The coordinator is not told, so it ends there by itself. */
  async abandon(): Promise<void> {
    this.#end()
    await this.#renewing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended.signal.aborted) return await this.#renewing
    await this.abandon()
    await this.#keeper.revoke().catch(() => undefined)
  }
}

/** The answer that granted it may have been taken late. */
function untilRenewal(ttl: number, since: Instant): number {
  return Math.max(0, ttl / renewalsPerLease - millisecondsSince(since))
}

/** Waits. @returns whether the time is over; otherwise the signal is aborted */
async function isOver(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await setTimeout(milliseconds, undefined, { signal })
    return true
  } catch {
    return false
  }
}
