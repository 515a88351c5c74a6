import type { Exchange } from '@sluice/shared/exchange/exchange'
import { isFromGateway } from '@sluice/shared/host-protocol/from-gateway'
import { reasonHeaders } from '@sluice/shared/host-protocol/from-host'
import type { Refusal } from '@sluice/shared/refusal/refusal'

/**
 * Tells the gateway why git failed after the reply had begun, so that its log says the same as this host's. The reason
 * goes in a trailer (RFC 9110 section 6.5), which the gateway does not pass on. Clients that are connected directly get
 * none.
 */
export function tellReason({ incoming, outgoing }: Exchange, { reason }: Refusal): void {
  // A reply that says its length has no room for a trailer, and Node sends none there.
  if (isFromGateway(incoming.headers)) outgoing.addTrailers(reasonHeaders(reason))
}
