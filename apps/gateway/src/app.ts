import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import type { Context } from 'hono'
import { Exchange } from '@sluice/shared/exchange'
import { parseGitRequest } from '@sluice/shared/git-request'
import type { GitRequest } from '@sluice/shared/git-request'
import type { Logger } from '@sluice/shared/log'
import { outcomeOf, Refusal } from '@sluice/shared/refusal'
import { logRequest } from '@sluice/shared/request-log'
import type { Running } from '@sluice/shared/running'
import type { ChooseHost, GitHost } from './choose-host.ts'
import { forward } from './forward.ts'
import { readSmallFetch } from './small-fetch.ts'

type GatewayContext = Context<{ Bindings: HttpBindings }>

const maxUserAgentLength = 128

export type GatewayParts = {
  readonly chooseHost: ChooseHost
  /** Whether a host answers, for `/readyz`. */
  readonly isHostReachable: () => Promise<boolean>
  /** Milliseconds. */
  readonly idleTimeout: number
  readonly running: Running
  readonly log: Logger
}

/**
 * The gateway's routes. What is not about the gateway itself is for git: the table of those is in git-request.ts, which
 * gateway and host share. Bytes go past Hono, from Node's streams to Node's streams.
 */
export function createApp(parts: GatewayParts) {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', (c) => answerReady(c, parts))
  app.all('*', async (c) => {
    await answerGit(new Exchange(c.env.incoming, c.env.outgoing), parts)
    return RESPONSE_ALREADY_SENT
  })
  return app
}

async function answerReady(c: GatewayContext, { running, isHostReachable }: GatewayParts): Promise<Response> {
  const reason = running.isDraining ? 'draining' : (await isHostReachable()) ? undefined : 'no host answers'
  return c.json({ status: reason ? 'unavailable' : 'ok', reason }, reason ? 503 : 200)
}

async function answerGit(exchange: Exchange, { chooseHost, idleTimeout, running, log }: GatewayParts): Promise<void> {
  using _ = running.enter(exchange)
  let request: GitRequest | undefined
  let hostsReason: string | undefined
  let refusal: Refusal | undefined
  exchange.limitIdleness(idleTimeout)
  try {
    request = parseGitRequest(exchange.incoming)
    hostsReason = await forwardTwice(exchange, request, chooseHost(request.repository))
    await exchange.finish()
  } catch (error) {
    refusal = Refusal.from(error)
    await exchange.refuse(refusal)
  }
  logRequest(log, exchange, request, {
    outcome: refusal?.outcome ?? outcomeOf(hostsReason),
    reason: refusal?.reason ?? hostsReason,
    cause: refusal?.cause,
    userAgent: exchange.incoming.headers['user-agent']?.slice(0, maxUserAgentLength),
  })
}

/**
 * A host that restarts closes connections under requests that it has not seen. An advertisement or a fetch changes nothing
 * and is sent again, if its body is at hand; of a push, a part may have been read.
 */
async function forwardTwice(exchange: Exchange, request: GitRequest, host: GitHost): Promise<string | undefined> {
  const body = await readSmallFetch(exchange, request)
  try {
    return await forward(exchange, request, host, body)
  } catch (error) {
    const isAtHand = request.kind === 'advertisement' || body !== undefined
    const mayRepeat = isAtHand && !exchange.outgoing.headersSent && !exchange.signal.aborted
    const brokeOff = error instanceof Refusal && error.reason === 'host_failed'
    if (!mayRepeat || !brokeOff) throw error
    return forward(exchange, request, host, body)
  }
}
