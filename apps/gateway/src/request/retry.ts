import { countsTwice, isWrite } from '@sluice/shared/lfs/remote-request'
import type { Leg, Placement, Route, Wanted } from '../hosts/placement.ts'
import { forward } from './forward.ts'
import type { ForwardedRequest } from './forward.ts'
import { limitIdleness } from './idleness.ts'
import type { IdlenessLimits } from './idleness.ts'
import type { RequestRecord } from './request-record.ts'
import { Unanswered } from './unanswered.ts'

/*
 * A request on its way to a host that may be away for a moment: it restarts, or another host is about to take its place.
 *
 *            host is there
 *   arrived ──────────────▶ sent ───────────────────────────────▶ answered
 *      │                    │  ▲
 *      │ host is away       │  │ it is there again, and it is this request's turn
 *      ▼                    ▼  │
 *      └──────────────────▶ held ─▶ 503: for too long, or too many are held
 *                           │
 *            not begun ─────┘  broke off, and the request changes nothing: at once the first time, then held
 *
 * In a cluster, "it" may be another host: cluster-route.ts draws which one is next.
 *
 * held: no host has any part of the request, and the gateway has all of it. A client that leaves ends this; so does the end
 *   of a drain.
 * answered: the reply has begun. There is no way back.
 *
 * A push is never sent again once a host may have begun any part of it; its client gets 502.
 */

/** A request that breaks off each time may be what breaks the host. */
const mostBreaks = 3

/** Each is a second or more after the one before where hosts do not agree on who is to serve the request. */
const mostAttempts = 64

export type RetryOptions = IdlenessLimits & {
  readonly placement: Placement
  /** Milliseconds for which a request may be held in all; 0 is not at all. */
  readonly hostWait: number
}

/**
 * Sends a request to its host. Holds it and sends it again for as long as nothing can happen twice.
 *
 * @param about whose request it is, and for which repository
 * @param record is filled in: host, attempts, time held
 * @returns the reason that the host gave, where it refused
 * @throws {Refusal} `host_unreachable` where the client may send the same again, `host_failed`, or the exchange's end
 */
export async function forwardWithRetry(
  forwarded: ForwardedRequest,
  about: Pick<Wanted, 'repository' | 'client' | 'clientAddress'>,
  record: RequestRecord,
  options: RetryOptions,
): Promise<string | undefined> {
  const { request, body, exchange } = forwarded
  const purpose = isWrite(request) ? 'write' : 'read'
  const wanted: Wanted = { ...about, purpose, signal: exchange.signal }
  const changesNothing = !countsTwice(request) || body?.isProbe === true
  const route = options.placement.route(wanted)
  let breaks = 0
  for (let attempts = 1; ; attempts++) {
    using leg = route.next() ?? (await hold(forwarded, route, record, options))
    record.host = leg.host
    try {
      return await forward(forwarded, leg)
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error
      const { how } = error
      record.attempts = attempts
      if (how === 'broke off' || how === 'failed') breaks++
      const isUntouched = error.isUntouched || changesNothing
      const isAtHand = body === undefined || body.isAtHand
      const mayPass = error.mayPass || leg.hasOther
      const mayRepeat = isUntouched && isAtHand && mayPass && breaks < mostBreaks && attempts < mostAttempts
      if (!mayRepeat) throw error.asRefusal(isUntouched)
      route.missed(leg, { how, cause: error.cause ?? error, told: error.told })
    }
  }
}

async function hold(
  { exchange, body }: ForwardedRequest,
  route: Route,
  record: RequestRecord,
  options: RetryOptions,
): Promise<Leg> {
  const { hostWait } = options
  const before = performance.now()
  const waited = record.waitedForHostMs ?? 0
  limitIdleness(exchange, options, record, hostWait)
  try {
    return await route.hold(hostWait - waited, body?.bytes ?? 0)
  } finally {
    record.waitedForHostMs = Math.round(waited + performance.now() - before)
    limitIdleness(exchange, options, record)
  }
}
