import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Refusal } from '@sluice/shared/refusal/refusal'

/**
 * Tells the gateway, after all that git has said, why git did not do what was asked: its log is to say the same as this
 * host's. A trailer (RFC 9110 section 6.5), which ends at the gateway. Not for a client that is connected without one.
 */
export function tellReason({ incoming, outgoing }: Exchange, { reason }: Refusal): void {
  // Where the reply's length is told, there is no room for one, and Node sends none.
  if (incoming.headers['sluice-source'] !== undefined) outgoing.addTrailers({ 'Sluice-Reason': reason })
}
