import type { IncomingMessage, RequestListener } from 'node:http'
import type { Server } from 'node:net'
import type { Connections } from '@sluice/shared/connections/connections'
import { Exchange } from '@sluice/shared/exchange/exchange'
import { isReady, probedPath } from '@sluice/shared/operations/health'
import type { Readiness } from '@sluice/shared/operations/health'
import { clientAddressOf, userOf } from '@sluice/shared/host-protocol/from-gateway'
import { notBegunHeaders } from '@sluice/shared/host-protocol/from-host'
import { trustedPath } from '@sluice/shared/host-protocol/paths'
import { createHttpServer, createHttpsServer } from '@sluice/shared/http/http-server'
import { checkHostName, checkSite } from '@sluice/shared/http/other-sites'
import type { SiteOptions } from '@sluice/shared/http/other-sites'
import type { Recorder } from '@sluice/shared/telemetry/recorder'
import type { Running } from '@sluice/shared/app/running'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { checkSingleHeaders } from '@sluice/shared/http/single-headers'
import { plainAddress } from '@sluice/shared/admission/client-key'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import { newRecord } from '../operations/request-record.ts'
import type { Activity } from '../operations/activity.ts'
import { CopiesServer } from '../copies/server/copies-server.ts'
import type { HostMetrics } from '../operations/metrics.ts'
import type { Dispatcher } from './dispatch.ts'
import type { GatewayTrust } from './trust/gateway-trust.ts'

/** Longer than gateways keep an idle connection: the host must never close one while a request arrives on it. */
const keepAliveMs = 75_000

export type HostServerParts = {
  readonly dispatcher: Dispatcher
  readonly connections: Connections
  readonly running: Running
  readonly activity: Activity
  readonly recorder: Recorder
  readonly metrics: HostMetrics
  readonly readiness: () => Promise<Readiness>
  readonly trust: GatewayTrust
  /** Undefined where there is one host only. */
  readonly forHosts: CopiesServer | undefined
  /** Milliseconds. */
  readonly headerTimeout: number
  /** Undefined where there is no TLS. */
  readonly tls: TlsMaterial | undefined
  readonly onTlsProblem: (code: string, address: string | undefined) => void
}

/** The supervisor's HTTP server. It answers health probes itself, serves git requests, and records each of them. */
export function createHostServer(parts: HostServerParts): Server {
  const { connections, readiness, trust, tls, onTlsProblem } = parts
  const onRequest: RequestListener = (incoming, outgoing) => {
    const misuse = misuseOf(incoming, trust.sites)
    const distrust = trust.reasonToRefuse(incoming)
    const isBelieved = distrust === undefined && misuse === undefined
    const exchange = new Exchange(incoming, outgoing, {
      clientAddress: (isBelieved ? clientAddressOf(incoming.headers) : undefined) ?? peerOf(incoming),
      user: isBelieved ? userOf(incoming.headers) : undefined,
      takesInterimReplies: true,
    })
    const probed = probedPath(incoming.url)
    if (probed === '/healthz') void exchange.replyJson(200, { status: 'ok' })
    else if (probed === '/readyz') void answerReady(exchange, readiness)
    else if (distrust !== undefined) void refuseStranger(exchange, new Refusal(distrust), parts)
    else if (misuse !== undefined) void refuseUnread(exchange, misuse, parts)
    else if (incoming.url === trustedPath) void exchange.replyJson(...trustedReply(parts.running))
    else if (parts.forHosts && CopiesServer.isMeant(incoming)) void answerHost(exchange, parts.forHosts, parts)
    else if (parts.running.isLeaving) void refuseUnread(exchange, notBegun(), parts)
    else void answerGit(exchange, parts)
  }
  const limits = { headerTimeout: parts.headerTimeout, keepAliveTimeout: keepAliveMs }
  const server = tls
    ? createHttpsServer(onRequest, { ...limits, tls, onTlsProblem })
    : createHttpServer(onRequest, limits)
  connections.watch(server)
  return server
}

/** A host that is about to stop serves the others to the end: its pushes wait for their copies. */
async function answerHost(exchange: Exchange, forHosts: CopiesServer, { running }: HostServerParts): Promise<void> {
  using _ = running.enter(exchange)
  await forHosts.serve(exchange.incoming, exchange.outgoing)
}

async function answerGit(exchange: Exchange, parts: HostServerParts): Promise<void> {
  const { dispatcher, running, activity, recorder, metrics } = parts
  using _ = running.enter(exchange)
  const record = newRecord()
  using _tracked = activity.track(exchange, record)
  const recording = recorder.begin(exchange, () => record.request)
  await dispatcher.serve(exchange, record)
  metrics.requestEnded(record)
  activity.ended(exchange, record)
  const { request: _request, outcome, refusal, phase: _phase, stream: _stream, ...work } = record
  recording.end({ outcome, reason: refusal?.reason, cause: refusal?.cause, ...work })
}

/** Why a request must not be served whoever sent it: contradictory headers, or a page of another site in a browser. */
function misuseOf(incoming: IncomingMessage, sites: SiteOptions): Refusal | undefined {
  try {
    checkSingleHeaders(incoming)
    checkHostName(incoming, sites)
    checkSite(incoming, sites)
    return undefined
  } catch (error) {
    return Refusal.from(error)
  }
}

async function refuseStranger(exchange: Exchange, refusal: Refusal, parts: HostServerParts): Promise<void> {
  parts.trust.logRefusal(refusal.reason as 'wrong_secret' | 'wrong_certificate', exchange.incoming)
  await refuseUnread(exchange, refusal, parts)
}

/** The reply by which a gateway finds out that it is trusted, and whether the host takes requests. */
function trustedReply({ isLeaving }: Running): [number, { status: string }] {
  return isLeaving ? [503, { status: 'draining' }] : [200, { status: 'ok' }]
}

/**
 * A host that is about to stop says that it has not begun the request, so that the gateway can send it to the next one.
 */
function notBegun(): Refusal {
  return new Refusal('draining', { headers: { ...notBegunHeaders, Connection: 'close' } })
}

/** Refuses a request without reading its body or looking anything up. */
async function refuseUnread(
  exchange: Exchange,
  refusal: Refusal,
  { running, recorder }: HostServerParts,
): Promise<void> {
  using _ = running.enter(exchange)
  const recording = recorder.begin(exchange, () => undefined)
  await exchange.refuse(refusal)
  recording.end({ outcome: refusal.outcome, reason: refusal.reason, cause: undefined })
}

async function answerReady(exchange: Exchange, readiness: () => Promise<Readiness>): Promise<void> {
  const ready = await readiness()
  await exchange.replyJson(isReady(ready) ? 200 : 503, ready)
}

function peerOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress === undefined ? 'local' : plainAddress(socket.remoteAddress)
}
