import { setTimeout as pause } from 'node:timers/promises'
import type { Connections } from '@sluice/shared/connections/connections'
import type { Running } from '@sluice/shared/app/running'

/*
 * How a host stops without losing requests that are on their way to it.
 *
 *   listening ──▶ leaving ──▶ draining
 *
 * leaving: each new request is refused with the note that it was not begun, so that the gateway can send it again.
 *   The host still accepts connections. If it closed its socket now, the kernel would reset those that were not
 *   accepted yet, and a gateway could not know what became of a push that it had sent over one of them.
 * draining: the socket is closed, and the requests that run come to their end.
 */

/** By then, requests that were sent before the gateways knew of the stop have arrived. */
const leastMs = 100

/** A connection that has brought no request by then is not waited for. */
const mostMs = 5000

const lookEveryMs = 20

/** Refuses new requests, and waits until each connection that was made has brought a request and has had its answer. */
export async function leave(running: Running, connections: Connections, hurry: AbortSignal): Promise<void> {
  const startedAt = performance.now()
  await running.leave(leastMs, hurry)
  while (connections.unasked > 0 && performance.now() - startedAt < mostMs && !hurry.aborted) {
    await pause(lookEveryMs)
  }
}
