import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Address } from '@sluice/shared/address'
import { createHttpServer } from '@sluice/shared/http-server'
import { listen } from '@sluice/shared/listen'
import type { Logger } from '@sluice/shared/log'
import { Running } from '@sluice/shared/running'
import { noCache } from '@sluice/shared/exchange'
import { Refusal } from '@sluice/shared/refusal'
import { createApp } from './app.ts'
import { connectHost, isReachable, singleHost } from './choose-host.ts'
import type { GatewayConfig } from './config.ts'

const idleMarginMs = 5000

export type Gateway = AsyncDisposable & {
  readonly server: Server
  readonly address: Address
  readonly running: Running
}

/** @throws where the address is taken */
export async function startGateway(config: GatewayConfig, log: Logger): Promise<Gateway> {
  const host = connectHost(config.supervisor)
  const running = new Running()
  // The host's own deadline comes first, since it knows more; this one is for what does not get there.
  const idleTimeout = config.idleTimeout + idleMarginMs
  const app = createApp({
    chooseHost: singleHost(host),
    isHostReachable: () => isReachable(host),
    running,
    log,
    idleTimeout,
  })
  const listener = getRequestListener(app.fetch, {
    // For requests without a Host header, which HTTP/1.0 allows.
    hostname: 'localhost',
    // The exchange sees to what is left of a request's body.
    autoCleanupIncoming: false,
    overrideGlobalObjects: false,
    errorHandler: (error) => answerUnreadable(error, log),
  })
  const server = createHttpServer((incoming, outgoing) => void listener(incoming, outgoing))
  running.watch(server)
  const address = await listen(server, config.listen, 'SLUICE_LISTEN')
  const dispose = async () => {
    server.close()
    server.closeAllConnections()
    await host[Symbol.asyncDispose]()
  }
  return { server, address, running, [Symbol.asyncDispose]: dispose }
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
