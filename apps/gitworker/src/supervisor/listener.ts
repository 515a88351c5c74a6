import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { Exchange } from '@sluice/shared/exchange'
import { createHttpServer } from '@sluice/shared/http-server'
import type { Logger } from '@sluice/shared/log'
import { logRequest } from '@sluice/shared/request-log'
import { Running } from '@sluice/shared/running'
import { serveGit } from './serve-git.ts'
import type { Host } from './serve-git.ts'

/** Longer than a gateway keeps an idle connection, so that it is never the host that closes one under a new request. */
const keepAliveMs = 75_000

/** The supervisor's HTTP server: health for probes, git for everything else, and one line in the log for each request. */
export function createListener(host: Host, log: Logger): { server: Server; running: Running } {
  const running = new Running()
  const listener: RequestListener = (incoming, outgoing) => {
    const exchange = new Exchange(incoming, outgoing, sourceOf(incoming))
    if (incoming.url === '/healthz') void exchange.replyJson(200, { status: 'ok' })
    else if (incoming.url === '/readyz') void answerReady(exchange, host, running)
    else void answerGit(exchange)
  }
  const server = createHttpServer(listener, { keepAliveTimeout: keepAliveMs })
  running.watch(server)
  return { server, running }

  async function answerGit(exchange: Exchange): Promise<void> {
    using _ = running.enter(exchange)
    const { request, outcome, refusal, ...work } = await serveGit(exchange, host)
    logRequest(log, exchange, request, {
      outcome,
      reason: refusal?.reason,
      cause: refusal?.cause,
      ...work,
    })
  }
}

async function answerReady(exchange: Exchange, host: Host, running: Running): Promise<void> {
  const workers = host.pool.counts
  const reason = running.isDraining ? 'draining' : host.pool.isFailing ? 'workers cannot be started' : undefined
  await exchange.replyJson(reason ? 503 : 200, {
    status: reason ? 'unavailable' : 'ok',
    reason,
    workers,
    leaked: host.audit.last,
  })
}

/** A gateway says whose request it passes on; without one, it is whoever is connected. */
function sourceOf({ headers }: IncomingMessage): string | undefined {
  const source = headers['sluice-source']
  return typeof source === 'string' ? source : undefined
}
