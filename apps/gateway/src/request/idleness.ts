import type { Exchange } from '@sluice/shared/exchange/exchange'
import { isStuck } from '../hosts/host-probe.ts'
import type { RequestRecord } from './request-record.ts'

export type IdlenessLimits = {
  /** Milliseconds without a byte in either direction, while it is the client that is waited for. */
  readonly idleTimeout: number
  /** The same while it is git that is waited for. */
  readonly silentGitTimeout: number
}

/**
 * Ends the exchange when nothing moves for too long, or when its host turns out to be stuck. Another call takes the place
 * of the one before.
 *
 * @param record tells the host that is asked
 * @param moreMs is added to the limits: a request that is held by the gateway is not idle
 */
export function limitIdleness(
  exchange: Exchange,
  { idleTimeout, silentGitTimeout }: IdlenessLimits,
  record: Pick<RequestRecord, 'host'>,
  moreMs = 0,
): void {
  exchange.limitIdleness(
    idleTimeout + moreMs,
    silentGitTimeout + moreMs,
    async () => record.host !== undefined && (await isStuck(record.host.link)),
  )
}
