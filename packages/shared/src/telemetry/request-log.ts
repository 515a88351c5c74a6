import type { Exchange } from '../exchange/exchange.ts'
import type { RemoteRequest } from '../lfs/remote-request.ts'
import type { Logger } from './log.ts'
import { statusOf } from '../refusal/reasons.ts'
import { outcomes } from '../refusal/outcomes.ts'
import type { Ending } from './recorder.ts'

const maxNameLength = 256

/**
 * The one line that each application logs for a request, at its end. Times are in milliseconds, amounts in bytes.
 *
 * @returns the status that was answered, or would have been
 */
export function logRequest(
  log: Logger,
  exchange: Exchange,
  request: RemoteRequest | undefined,
  ending: Ending,
): number | undefined {
  const { incoming, outgoing } = exchange
  const { outcome, reason, cause, ...more } = ending
  const status = exchange.standsFor ?? (outgoing.headersSent ? outgoing.statusCode : statusOf(reason))
  const repository = request?.repository.slice(0, maxNameLength)
  const line = {
    requestId: exchange.id,
    repository,
    service: request?.service,
    kind: request?.kind,
    protocolVersion: request?.version,
    status,
    outcome,
    reason,
    bytesIn: exchange.bytesIn,
    bytesOut: exchange.bytesOut,
    ms: exchange.milliseconds,
    client: exchange.clientAddress,
    user: exchange.user,
    err: cause,
    ...more,
  }
  const what = request
    ? `${request.service} ${request.kind} ${repository}`
    : `${incoming.method} ${withoutLogin(incoming.url ?? '').slice(0, maxNameLength)}`
  log[outcomes[outcome].level](line, `${what}: ${reason ?? outcome}`)
  return status
}

/** The absolute form of an address, as proxies send it, can have a log-in or a token in it. */
function withoutLogin(url: string): string {
  return url.replace(/^([a-z]+:)?\/\/[^/?]*@/i, '$1//')
}
