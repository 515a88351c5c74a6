import type { Connections } from '@sluice/shared/connections/connections'
import type { Exchange } from '@sluice/shared/exchange/exchange'

/** What bounds each request. */
export type RequestLimits = {
  readonly connections: Connections
  /** Milliseconds without a byte in either direction. */
  readonly idleTimeout: number
  /** Milliseconds for which git may work without writing anything. */
  readonly silentGitTimeout: number
  /** Milliseconds for the whole request; undefined is no limit. */
  readonly requestTimeout: number | undefined
  /** Bytes of a fetch's body, inflated. */
  readonly maxFetchRequest: number
}

/** @throws {Refusal} where the client has too many connections */
export function setLimits(exchange: Exchange, limits: RequestLimits): void {
  limits.connections.check(exchange)
  exchange.limitIdleness(limits.idleTimeout, limits.silentGitTimeout)
  if (limits.requestTimeout !== undefined) exchange.limitDuration(limits.requestTimeout)
}
