import { setTimeout as pause } from 'node:timers/promises'
import type { Connections } from '@sluice/shared/connections/connections'
import type { Running } from '@sluice/shared/app/running'

/*
 * How a host stops without losing what is on its way to it.
 *
 *   listening ──▶ leaving ──▶ draining
 *
 * leaving: whoever asks is told that nothing was begun, so that gateways hold their requests. The address still takes
 *   connections: closing it would reset those that nobody has accepted yet, and a gateway could not know what became of
 *   a push that it had sent over one of them.
 * draining: the address is closed, and what runs comes to its end.
 */

/** What was sent before the first gateway has heard of it has arrived by then. */
const leastMs = 100

/** Connections that say nothing for so long are not about to. */
const mostMs = 5000

const lookEveryMs = 20

/** Says that this host will stop, and waits until every connection that has been made has asked, and been told. */
export async function leave(running: Running, connections: Connections, hurry: AbortSignal): Promise<void> {
  const startedAt = performance.now()
  await running.leave(leastMs, hurry)
  while (connections.unasked > 0 && performance.now() - startedAt < mostMs && !hurry.aborted) {
    await pause(lookEveryMs)
  }
}
