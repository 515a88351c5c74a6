import type { OutgoingHttpHeaders } from 'node:http'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { targetOf } from '@sluice/shared/git/git-route'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { awaitsAcceptanceHeader, notBegunHeader } from '@sluice/shared/host-protocol/headers'
import type { PushReport } from '@sluice/shared/git/push-report'
import { Refusal, statusOf } from '@sluice/shared/refusal/refusal'
import type { Span } from '@sluice/shared/telemetry/tracing'
import type { Grant } from '../access/authority.ts'
import type { GitHost } from '../hosts/placement.ts'
import type { KeptBody } from './kept-body.ts'
import { Reply } from './reply.ts'
import { Unanswered } from './unanswered.ts'

/** What of the client's request goes to the host; everything else stays here. */
const forwarded = ['content-type', 'content-encoding', 'content-length', 'git-protocol', 'user-agent'] as const

/** Small replies come as a whole in that time, and whoever waits for progress does not notice it. */
const holdMs = 200

export type ForwardContext = {
  /** Who asks, and whether a push may create. */
  readonly grant: Pick<Grant, 'user' | 'mayCreate'>
  /** What the host's part in the trace is to be a part of. */
  readonly span: Span
  /** What a push's reply says, read as it passes; undefined for what is no push. */
  readonly report?: PushReport | undefined
}

/**
 * Sends a request to its host and the host's reply to the client, streamed both ways, each at the receiver's pace. When
 * the exchange is aborted, the request to the host is too.
 *
 * @param body the request's body, where it has one
 * @param onAnswer is told when the host has begun to answer
 * @returns the reason that the host gave, where it refused
 * @throws {Unanswered} where nothing has been sent to the client, so that another attempt may be made
 * @throws {Refusal} where the host breaks off in its reply, or the exchange ends
 */
export function forward(
  exchange: Exchange,
  request: GitRequest,
  host: GitHost,
  context: ForwardContext,
  body: KeptBody | undefined,
  onAnswer: () => void,
): Promise<string | undefined> {
  const { outgoing, signal } = exchange
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  // Of a push it must be known whether the host may have begun it: a connection that was kept may have been lost since.
  const isPush = request.kind === 'rpc' && request.service === 'receive-pack'
  const dispatcher = isPush ? host.singleUse : host.dispatcher
  let isSent = false
  let reason: string | undefined
  let reply: Reply | undefined
  let detach: (() => void) | undefined

  dispatcher.dispatch(
    {
      method: request.kind === 'rpc' ? 'POST' : 'GET',
      path: targetOf(request),
      headers: headersFor(exchange, host, context, body),
      body: body?.lend() ?? null,
    },
    {
      onRequestStart(controller) {
        isSent = true
        const abort = () => controller.abort(signal.reason as Refusal)
        if (signal.aborted) return abort()
        signal.addEventListener('abort', abort, { once: true })
        const onDrain = () => controller.resume()
        outgoing.on('drain', onDrain)
        detach = () => {
          signal.removeEventListener('abort', abort)
          outgoing.off('drain', onDrain)
        }
      },
      onResponseStart(controller, status, headers) {
        // 102: the host has accepted the request; later, it waits, and finds out whether this side is still there.
        if (status < 200) return body?.accepted()
        reason = headers['sluice-reason'] as string | undefined
        // A refusal in git's own protocol: the log says what it stands for.
        if (status === 200) exchange.standsFor = statusOf(reason)
        // Between host and gateway, and nothing that a client could do anything about.
        if (isDistrust(reason)) return controller.abort(new Refusal('host_refused'))
        if (notBegunHeader in headers) return controller.abort(new Unanswered('not begun'))
        // The end of its drain: the next host will do it.
        if (reason === 'draining' && !isPush) return controller.abort(new Unanswered('broke off'))
        onAnswer()
        reply = new Reply(exchange, { onFull: () => controller.pause(), onPassedOn: () => body?.accepted() })
        reply.begin(status, replyHeaders(headers), isPush ? 0 : holdMs)
      },
      onResponseData(_, chunk) {
        context.report?.read(chunk)
        reply?.take(chunk)
      },
      onResponseEnd(_, trailers) {
        detach?.()
        // What went wrong after the reply had begun.
        reason ??= trailers['sluice-reason'] as string | undefined
        reply?.passOn()
        resolve(reason)
      },
      onResponseError(_, error) {
        detach?.()
        void whatItMeans(error, isSent, exchange, host, reply).then(reject)
      },
    },
  )
  return promise
}

function headersFor(
  { incoming, id, clientAddress }: Exchange,
  { credentials }: GitHost,
  { grant, span }: ForwardContext,
  body: KeptBody | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {
    ...span.headers(),
    ...credentials,
    'x-request-id': id,
    'sluice-source': clientAddress,
    'sluice-may-create': grant.mayCreate ? 'yes' : 'no',
    ...(grant.user !== undefined && { 'sluice-user': encodeURIComponent(grant.user) }),
    ...(body?.isWhole === false && { [awaitsAcceptanceHeader]: 'yes' }),
  }
  for (const name of forwarded) {
    const value = incoming.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

function isDistrust(reason: string | undefined): boolean {
  return reason === 'wrong_secret' || reason === 'wrong_certificate'
}

/** The host's own headers, but for those that are between the two of them. */
function replyHeaders(headers: Record<string, string | string[] | undefined>): OutgoingHttpHeaders {
  const { 'connection': _c, 'keep-alive': _k, 'transfer-encoding': _t, 'date': _d, ...rest } = headers
  return rest
}

/** The host was not reached, or broke off; or it was this side that ended the request. */
async function whatItMeans(
  error: Error,
  isSent: boolean,
  { signal, outgoing }: Exchange,
  { presence }: GitHost,
  reply: Reply | undefined,
): Promise<Refusal | Unanswered> {
  const isOurs = signal.aborted || error instanceof Refusal || error instanceof Unanswered
  // A host that is still there has cut its reply on purpose: it would do so again.
  if (reply?.isHeld && !isOurs && (await presence.look())) await reply.passOnBeforeCut()
  reply?.drop()
  if (signal.aborted) return signal.reason as Refusal
  if (error instanceof Refusal || error instanceof Unanswered) return error
  if (outgoing.headersSent) return new Refusal('host_failed', { cause: error })
  return new Unanswered(isSent ? 'broke off' : 'not begun', error)
}
