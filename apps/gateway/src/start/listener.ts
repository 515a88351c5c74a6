import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { noCache } from '@sluice/shared/http/no-cache'
import { normaliseHost } from '@sluice/shared/network/host-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { allowOrigin } from '../client/cross-origin.ts'
import type { CorsOrigins } from '../client/cross-origin.ts'

type App = { readonly fetch: Parameters<typeof getRequestListener>[0] }

/** Connects the application to Node's server. */
export function listenerFor({ fetch }: App, corsOrigins: CorsOrigins, log: Logger): RequestListener {
  const listener = getRequestListener(fetch, {
    // For requests without a Host header, which HTTP/1.0 allows.
    hostname: 'localhost',
    // The exchange deals with what is left of a request's body.
    autoCleanupIncoming: false,
    overrideGlobalObjects: false,
    errorHandler: (error) => answerUnreadable(error, log),
  })
  return (incoming, outgoing) => {
    normaliseHost(incoming)
    allowOrigin(incoming, outgoing, corsOrigins)
    void listener(incoming, outgoing)
  }
}

/** A request that Hono cannot make a URL of, such as one with a backslash or an impossible Host, never becomes an exchange. */
function answerUnreadable(error: unknown, log: Logger): Response {
  const refusal = new Refusal('bad_address')
  const requestId = randomUUID()
  log.info(
    { requestId, outcome: refusal.outcome, reason: refusal.reason, status: refusal.status, err: error },
    'unreadable',
  )
  const headers = { ...noCache, 'Content-Type': 'text/plain; charset=utf-8', 'X-Request-Id': requestId }
  return new Response(`${refusal.sentence}\n`, { status: refusal.status, headers })
}
