import type { Dispatcher } from 'undici'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { PushReport } from '@sluice/shared/git/push-report'
import { countsTwice, methodOf, targetOf } from '@sluice/shared/lfs/remote-request'
import type { RemoteRequest } from '@sluice/shared/lfs/remote-request'
import { headersToHost } from '@sluice/shared/host-protocol/from-gateway'
import { reasonOf } from '@sluice/shared/host-protocol/from-host'
import type { ReplyHeaders } from '@sluice/shared/host-protocol/from-host'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { statusOf } from '@sluice/shared/refusal/reasons'
import type { Span } from '@sluice/shared/telemetry/tracing'
import type { Grant } from '../access/authority.ts'
import type { Leg } from '../hosts/placement.ts'
import { watchHost } from './host-watch.ts'
import type { SentBody } from './kept-body.ts'
import { passedOn, Reply } from './reply.ts'
import { Unanswered } from './unanswered.ts'
import { withoutAnswer } from './without-answer.ts'

/** Small replies are whole by then, and a user who waits for progress does not notice it. */
const holdMs = 200

/** A client's request that is to go to a host. */
export type ForwardedRequest = {
  readonly exchange: Exchange
  readonly request: RemoteRequest
  readonly grant: Pick<Grant, 'user' | 'mayCreate'>
  /** The gateway's span, which the host's becomes a part of. */
  readonly span: Span
  /** The address of the repository as the client knows it; undefined where no reply names it. */
  readonly address?: string
  /** Undefined where the request has none. */
  readonly body: SentBody | undefined
  /** Reads a push's reply as it passes; undefined for what is not a push. */
  readonly report: PushReport | undefined
}

/**
 * Makes one attempt: sends a request to a host and the host's reply to the client, streamed both ways, each at the
 * receiver's pace. When the exchange is aborted, so is the request to the host.
 *
 * @returns the reason that the host gave, where it refused
 * @throws {Unanswered} where nothing has been sent to the client, so that another attempt can be made
 * @throws {Refusal} where the host breaks off in its reply, or the exchange ends
 */
export function forward(forwarded: ForwardedRequest, leg: Leg): Promise<string | undefined> {
  const { exchange, request, grant, span, body } = forwarded
  const { incoming, id, clientAddress } = exchange
  const { link } = leg.host
  const attempt = new Attempt(forwarded, leg)
  const told = {
    requestId: id,
    clientAddress,
    user: grant.user,
    mayCreate: grant.mayCreate,
    address: forwarded.address,
    awaitsAcceptance: body?.isWhole === false,
    trace: span.headers(),
    secret: link.secret,
    term: leg.term,
  }
  // A push that breaks off is sent again only if it has certainly not begun. A kept connection could not tell: it may have
  // been lost before.
  const dispatcher = countsTwice(request) ? link.singleUse : link.dispatcher
  dispatcher.dispatch(
    {
      method: methodFor(request, incoming.method),
      path: targetOf(request),
      headers: headersToHost(told, incoming.headers),
      body: body?.lend(() => answersLook(leg.host)) ?? null,
    },
    attempt,
  )
  return attempt.result
}

/** Without another host, and without a lease that ends, a host that is silent is taken for busy. */
async function answersLook({ gone, presence }: Leg['host']): Promise<boolean> {
  return gone === undefined || (await presence.look())
}

/** An archive, a bundle or an object of LFS is not read only to be thrown away. An advertisement says with HEAD what it says with GET. */
function methodFor(request: RemoteRequest, asked: string | undefined): 'HEAD' | ReturnType<typeof methodOf> {
  const mayBeLarge = request.kind === 'archive' || request.kind === 'bundle' || request.kind === 'download'
  return mayBeLarge && asked === 'HEAD' ? 'HEAD' : methodOf(request)
}

/** What undici calls while a request is at its host. `result` settles once, after which nothing here is called. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly #forwarded: ForwardedRequest
  readonly #leg: Leg
  readonly #end = Promise.withResolvers<string | undefined>()
  #controller: Dispatcher.DispatchController | undefined
  #isGivenUp = false
  #reason: string | undefined
  #reply: Reply | undefined
  #detach: (() => void) | undefined
  readonly #watch: Disposable | undefined

  constructor(forwarded: ForwardedRequest, leg: Leg) {
    this.#forwarded = forwarded
    this.#leg = leg
    const isSent = () => this.#controller !== undefined
    const mayLeave = () => !this.#mayTakeEffect
    this.#watch = watchHost(leg, isSent, mayLeave, () => this.#leaveHost())
  }

  get result(): Promise<string | undefined> {
    return this.#end.promise
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { outgoing, signal } = this.#forwarded.exchange
    if (this.#isGivenUp) return controller.abort(new Unanswered('not begun'))
    this.#controller = controller
    const abort = () => controller.abort(signal.reason as Refusal)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    const onDrain = () => controller.resume()
    outgoing.on('drain', onDrain)
    this.#detach = () => {
      signal.removeEventListener('abort', abort)
      outgoing.off('drain', onDrain)
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: ReplyHeaders): void {
    const { exchange, request, body } = this.#forwarded
    // 102: the host has accepted the request. Later ones show the host whether this side is still there.
    if (status < 200) return body?.accepted()
    const reason = (this.#reason = reasonOf(headers))
    // A refusal in git's own protocol: the log says what it stands for.
    if (status === 200) exchange.standsFor = statusOf(reason)
    const noAnswer = withoutAnswer(this.#leg, headers, reason, countsTwice(request))
    if (noAnswer) return controller.abort(noAnswer)
    this.#watch?.[Symbol.dispose]()
    this.#leg.answered(reason)
    this.#reply = new Reply(exchange, { onFull: () => controller.pause(), onPassedOn: () => body?.accepted() })
    this.#reply.begin(status, passedOn(headers), countsTwice(request) ? 0 : holdMs)
  }

  /** The host is gone, or cannot be reached: what it has not begun to answer is not waited for. */
  #leaveHost(): void {
    if (this.#controller) {
      const isCutShort = this.#forwarded.body?.isCutShort === true
      const isGone = new Error('The host is gone.')
      return this.#controller.abort(isCutShort ? new Unanswered('not begun') : new Unanswered('broke off', isGone))
    }
    this.#isGivenUp = true
    this.#over()
    this.#end.reject(new Unanswered('not begun'))
  }

  /** Whether the host may do what must not be done twice, with what it has of the request. */
  get #mayTakeEffect(): boolean {
    const { request, body } = this.#forwarded
    return countsTwice(request) && body?.isProbe !== true && body?.isCutShort !== true
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#forwarded.report?.read(chunk)
    this.#reply?.take(chunk)
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: ReplyHeaders): void {
    this.#over()
    // Something went wrong after the reply had begun.
    this.#reason ??= reasonOf(trailers)
    this.#reply?.passOn()
    this.#end.resolve(this.#reason)
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#over()
    void this.#meaningOf(error).then(this.#end.reject)
  }

  #over(): void {
    this.#watch?.[Symbol.dispose]()
    this.#detach?.()
  }

  /** The meaning of an error: the host was not reached, it broke off, or this side ended the request. */
  async #meaningOf(error: Error): Promise<Refusal | Unanswered> {
    const { signal, outgoing } = this.#forwarded.exchange
    const reply = this.#reply
    const isOurs = signal.aborted || error instanceof Refusal || error instanceof Unanswered
    // A host that is still there has cut its reply on purpose, and would do so again.
    if (reply?.isHeld && !isOurs && (await this.#leg.host.presence.look())) await reply.passOnBeforeCut()
    reply?.drop()
    if (signal.aborted) return signal.reason as Refusal
    if (error instanceof Refusal || error instanceof Unanswered) return error
    if (outgoing.headersSent) return new Refusal('host_failed', { cause: error })
    return new Unanswered(this.#controller ? 'broke off' : 'not begun', error)
  }
}
