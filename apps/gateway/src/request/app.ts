import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import type { Connections } from '@sluice/shared/connections/connections'
import { Exchange } from '@sluice/shared/exchange/exchange'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { isGit } from '@sluice/shared/git/in-band-refusal'
import { isReady } from '@sluice/shared/operations/health'
import type { Readiness } from '@sluice/shared/operations/health'
import { checkHostName, checkSite } from '@sluice/shared/http/other-sites'
import type { SiteOptions } from '@sluice/shared/http/other-sites'
import { PushReport } from '@sluice/shared/git/push-report'
import type { Recorder } from '@sluice/shared/telemetry/recorder'
import { outcomeOf, Refusal } from '@sluice/shared/refusal/refusal'
import type { Running } from '@sluice/shared/app/running'
import { checkSingleHeaders } from '@sluice/shared/http/single-headers'
import { clientKey } from '@sluice/shared/admission/client-key'
import type { Access } from '../access/access.ts'
import { answerAside } from '../aside/answer.ts'
import type { AsideOptions } from '../aside/answer.ts'
import { asideOf } from '../aside/route.ts'
import { clientAddress } from '../client/client-address.ts'
import type { ProxyTrust } from '../client/client-address.ts'
import type { ChooseHost } from '../hosts/placement.ts'
import type { ForwardContext } from './forward.ts'
import { forwardHeld } from './retry.ts'
import type { HoldOptions, WayToHost } from './retry.ts'
import { isStuck } from '../hosts/host-connection.ts'
import type { ClientAdmission } from '../admission/client-admission.ts'

const maxUserAgentLength = 128

export type GatewayParts = {
  readonly chooseHost: ChooseHost
  readonly readiness: () => Promise<Readiness>
  readonly connections: Connections
  readonly running: Running
  readonly access: Pick<Access, 'authorise'>
  readonly clientAdmission: ClientAdmission
  readonly recorder: Recorder
  readonly proxyTrust: ProxyTrust
  readonly sites: SiteOptions
  readonly asides: AsideOptions
  /** Whether git clients may be sent `102 Processing`. */
  readonly interimReplies: boolean
  /** Bytes per second; 0 is any. */
  readonly minUploadRate: number
  /** Milliseconds. */
  readonly idleTimeout: number
  /** Milliseconds. */
  readonly silentGitTimeout: number
  /** Milliseconds for which a request is held while its host is away. */
  readonly hostWait: number
}

/**
 * The gateway's routes. What is not about the gateway itself is for git: the table of those is in git-request.ts, which
 * gateway and host share. Bytes go past Hono, from Node's streams to Node's streams.
 */
export function createApp(parts: GatewayParts) {
  // Not strict: `/healthz/` is `/healthz`.
  const app = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const readiness = await parts.readiness()
    return c.json(readiness, isReady(readiness) ? 200 : 503)
  })
  app.all('*', async (c) => {
    const { incoming, outgoing } = c.env
    // git's libcurl passes over interim replies; libgit2 and others do not.
    const takesInterimReplies = parts.interimReplies && isGit(incoming.headers['user-agent'])
    const options = { clientAddress: clientAddress(incoming, parts.proxyTrust), takesInterimReplies }
    await answer(new Exchange(incoming, outgoing, options), parts)
    return RESPONSE_ALREADY_SENT
  })
  return app
}

async function answer(exchange: Exchange, parts: GatewayParts): Promise<void> {
  using _ = parts.running.enter(exchange)
  let request: GitRequest | undefined
  const recording = parts.recorder.begin(exchange, () => request)
  let reason: string | undefined
  let refusal: Refusal | undefined
  const way: WayToHost = {}
  let report: PushReport | undefined
  const isHostStuck = async () => request !== undefined && (await isStuck(parts.chooseHost(request.repository)))
  const limitIdleness = (more: number) => {
    exchange.limitIdleness(parts.idleTimeout + more, parts.silentGitTimeout + more, isHostStuck)
  }
  limitIdleness(0)
  try {
    parts.connections.check(exchange)
    checkSingleHeaders(exchange.incoming)
    checkHostName(exchange.incoming, parts.sites)
    const aside = asideOf(exchange.incoming)
    if (aside) reason = await answerAside(exchange, aside, parts.asides)
    else {
      request = parseGitRequest(exchange.incoming)
      if (request.kind === 'rpc' && request.service === 'receive-pack') report = new PushReport()
      const context = { span: recording.span, report }
      reason = await serveGit(exchange, request, context, { ...parts, limitIdleness }, way)
    }
  } catch (error) {
    refusal = Refusal.from(error)
    await exchange.refuse(refusal, request)
  }
  if (refusal?.reason === 'client_gone' && report?.isWhole) {
    // Some clients close the connection once they have what they came for. Why not all was done, the host knows.
    refusal = undefined
    reason = report.isGood ? undefined : 'push_rejected'
  }
  recording.end({
    outcome: refusal?.outcome ?? outcomeOf(reason),
    reason: refusal?.reason ?? reason,
    cause: refusal?.cause,
    ...way,
    userAgent: exchange.incoming.headers['user-agent']?.slice(0, maxUserAgentLength),
  })
}

/** @returns the reason that the host gave, where it refused */
async function serveGit(
  exchange: Exchange,
  request: GitRequest,
  context: Omit<ForwardContext, 'grant'>,
  parts: GatewayParts & HoldOptions,
  way: WayToHost,
): Promise<string | undefined> {
  checkSite(exchange.incoming, parts.sites)
  if (request.kind === 'rpc') watchBody(exchange, parts.minUploadRate)
  const grant = await parts.access.authorise(exchange, request)
  using _slot = await parts.clientAdmission.admit(
    clientKey(exchange.clientAddress, grant.user),
    request.repository,
    exchange.signal,
  )
  const reason = await forwardHeld(exchange, request, { ...context, grant }, parts, way)
  await exchange.finish()
  return reason
}

function watchBody(exchange: Exchange, minUploadRate: number): void {
  exchange.watchUnreadBody()
  if (minUploadRate > 0) exchange.limitSlowness(minUploadRate)
}
