import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import type { ChooseHost, GitHost } from '../hosts/placement.ts'
import { forward } from './forward.ts'
import type { ForwardContext } from './forward.ts'
import { KeptBody } from './kept-body.ts'
import { Unanswered } from './unanswered.ts'

/*
 * The way of a request to a host that may be away for a moment: it restarts, or another is about to take its place.
 *
 *            host is there
 *   arrived ──────────────▶ sent ───────────────────────────────▶ answered
 *      │                    │  ▲
 *      │ host is away       │  │ it is there again, and it is this request's turn
 *      ▼                    ▼  │
 *      └──────────────────▶ held ─▶ 503: for too long, or too many are held
 *                           │
 *            not begun ─────┘  broke off, and what is asked changes nothing: at once the first time, then held
 *
 * held: nothing of the request is at a host, and all of it is here. A client that leaves ends it; so does a drain's end.
 * answered: the reply has begun. There is no way back.
 *
 * A push of which a host may have begun any part is never sent again; its client gets 502.
 */

/** A request that breaks off each time may be what breaks the host. */
const mostBreaks = 3

export type HoldOptions = {
  /** Is asked for each attempt. */
  readonly chooseHost: ChooseHost
  /** How long a request may be held in all, in milliseconds; 0 is not at all. */
  readonly hostWait: number
  /** Gives the exchange so many milliseconds more before it counts as idle: being held is no silence. */
  readonly limitIdleness: (more: number) => void
}

/** What the log tells of a request's way. */
export type WayToHost = { waitedForHostMs?: number; attempts?: number }

/**
 * Sends a request to its host; holds it, and sends it again, as long as that cannot do anything twice.
 *
 * @param way is filled in
 * @returns the reason that the host gave, where it refused
 * @throws {Refusal} `host_unreachable` where the client may send the same again, `host_failed`, or the exchange's end
 */
export async function forwardHeld(
  exchange: Exchange,
  request: GitRequest,
  context: ForwardContext,
  { chooseHost, hostWait, limitIdleness }: HoldOptions,
  way: WayToHost,
): Promise<string | undefined> {
  const body = request.kind === 'rpc' ? await KeptBody.read(exchange) : undefined
  const changesNothing = request.service === 'upload-pack' || request.kind === 'advertisement' || body?.isProbe === true
  let breaks = 0
  let mustWait = false
  for (let attempts = 1; ; attempts++) {
    const host = chooseHost(request.repository)
    using turn = mustWait || isWorthWaiting(host) ? await hold(host) : undefined
    try {
      return await forward(exchange, request, host, context, body, () => turn?.[Symbol.dispose]())
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error
      const { how } = error
      way.attempts = attempts
      if (how === 'broke off') breaks++
      const isUntouched = how === 'not begun' || changesNothing
      const isAtHand = body === undefined || body.isAtHand
      const mayRepeat = isUntouched && isAtHand && error.mayPass && breaks < mostBreaks
      if (!mayRepeat) throw error.asRefusal(isUntouched)
      mustWait = how === 'not begun' || breaks > 1
      if (mustWait) host.presence.missed(error.cause ?? error)
    }
  }

  /** Where there is no use in waiting, trying costs no more than a refusal, and finds out sooner. */
  function isWorthWaiting({ presence }: GitHost): boolean {
    return hostWait > 0 && presence.isAway && !presence.isDown
  }

  async function hold({ presence }: GitHost): Promise<Disposable> {
    const before = performance.now()
    const waited = way.waitedForHostMs ?? 0
    limitIdleness(hostWait)
    try {
      return await presence.untilThere(exchange.signal, hostWait - waited, body?.bytes ?? 0)
    } finally {
      way.waitedForHostMs = Math.round(waited + performance.now() - before)
      limitIdleness(0)
    }
  }
}
