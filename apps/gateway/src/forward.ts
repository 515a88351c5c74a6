import type { OutgoingHttpHeaders } from 'node:http'
import { errnoOf } from '@sluice/shared/errno'
import type { Exchange } from '@sluice/shared/exchange'
import { targetOf } from '@sluice/shared/git-request'
import type { GitRequest } from '@sluice/shared/git-request'
import type { PushReport } from '@sluice/shared/push-report'
import { Refusal, statusOf } from '@sluice/shared/refusal'
import type { Span } from '@sluice/shared/tracing'
import type { Grant } from './access/authority.ts'
import { BorrowedBody } from './borrowed-body.ts'
import type { GitHost } from './choose-host.ts'

/** What of the client's request goes to the host; everything else stays here. */
const forwarded = ['content-type', 'content-encoding', 'content-length', 'git-protocol', 'user-agent'] as const

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
 * @param smallBody the request's body where it has been read already; else it is streamed
 * @returns the reason that the host gave, where it refused
 * @throws {Refusal} where the host does not answer (nothing was sent yet), or breaks off
 */
export function forward(
  exchange: Exchange,
  request: GitRequest,
  host: GitHost,
  context: ForwardContext,
  smallBody: Buffer | undefined,
): Promise<string | undefined> {
  const { outgoing, signal } = exchange
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const body = smallBody ?? (request.kind === 'rpc' ? borrow(exchange) : null)
  let reason: string | undefined
  let detach: (() => void) | undefined

  host.dispatcher.dispatch(
    {
      method: request.kind === 'rpc' ? 'POST' : 'GET',
      path: targetOf(request),
      headers: headersFor(exchange, host, context),
      body,
    },
    {
      onRequestStart(controller) {
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
        // 102: the host waits, and finds out whether this side is still there.
        if (status < 200) return
        reason = headers['sluice-reason'] as string | undefined
        // A refusal in git's own protocol: the log says what it stands for.
        if (status === 200) exchange.standsFor = statusOf(reason)
        // Between host and gateway, and nothing that a client could do anything about.
        if (isDistrust(reason)) return controller.abort(new Refusal('host_refused'))
        outgoing.writeHead(status, replyHeaders(headers))
      },
      onResponseData(controller, chunk) {
        // A HEAD is asked of the host as GET. Over HTTP/2, what is written for it would be waited for without end.
        if (chunk.length === 0 || exchange.incoming.method === 'HEAD') return
        context.report?.read(chunk)
        exchange.sent(chunk.length)
        if (!outgoing.write(chunk)) controller.pause()
      },
      onResponseEnd(_, trailers) {
        detach?.()
        // What went wrong after the reply had begun.
        reason ??= trailers['sluice-reason'] as string | undefined
        resolve(reason)
      },
      onResponseError(_, error) {
        detach?.()
        reject(asRefusal(error, exchange))
      },
    },
  )
  return promise
}

function borrow(exchange: Exchange): BorrowedBody {
  exchange.invite()
  return new BorrowedBody(exchange.incoming, (count) => exchange.received(count))
}

function headersFor(
  { incoming, id, source }: Exchange,
  { credentials }: GitHost,
  { grant, span }: ForwardContext,
): Record<string, string> {
  const headers: Record<string, string> = {
    ...span.headers(),
    ...credentials,
    'x-request-id': id,
    'sluice-source': source,
    'sluice-may-create': grant.mayCreate ? 'yes' : 'no',
    ...(grant.user !== undefined && { 'sluice-user': encodeURIComponent(grant.user) }),
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
function asRefusal(error: Error, { signal, outgoing }: Exchange): Refusal {
  if (signal.aborted) return signal.reason as Refusal
  if (error instanceof Refusal) return error
  return new Refusal(isUnreached(error) && !outgoing.headersSent ? 'host_unreachable' : 'host_failed', { cause: error })
}

function isUnreached(error: Error): boolean {
  const failedToConnect = 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo')
  return failedToConnect || errnoOf(error) === 'UND_ERR_CONNECT_TIMEOUT'
}
