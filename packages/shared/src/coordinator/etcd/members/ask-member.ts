import { addAbortListener } from 'node:events'
import type { Dispatcher } from 'undici'
import { AwakeDeadline } from '../../../machine/awake-deadline.ts'
import { errnoOf } from '../../../machine/errno.ts'
import { readAnswer } from './answer.ts'
import { MemberFailure } from './member-failure.ts'
import type { JsonObject } from './wire.ts'

/** Pages of keys have some 100 KB. */
const maxAnswerBytes = 4 * 1024 * 1024

export type Question = {
  readonly path: string
  readonly body: object
  readonly token: string | undefined
  /** For the whole answer, connecting included. Time in which this process was stopped does not count. */
  readonly timeoutMs: number
}

/** Asks one member, once. @throws {MemberFailure} */
export async function askMember(
  dispatcher: Dispatcher,
  endpoint: string,
  question: Question,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { path, body, token, timeoutMs } = question
  const asking = new Asking()
  using _deadline = new AwakeDeadline(timeoutMs, () => asking.giveUp(new Error(`no answer within ${timeoutMs} ms`)))
  using _listener = addAbortListener(signal, () => asking.giveUp(new Error('the coordinator was closed')))
  if (!signal.aborted) {
    dispatcher.dispatch(
      { origin: endpoint, path, method: 'POST', headers: headersOf(token), body: JSON.stringify(body) },
      asking,
    )
  }
  const { status, text } = await asking.answer
  return readAnswer(status, text)
}

/** `Grpc-Metadata-` names metadata of gRPC. A member that knows no leader refuses at once, rather than wait for one. */
export function headersOf(token: string | undefined): Record<string, string> {
  return {
    'content-type': 'application/json',
    'grpc-metadata-hasleader': 'true',
    ...(token !== undefined && { authorization: token }),
  }
}

/** One request on its way. It knows whether it was sent. */
class Asking implements Dispatcher.DispatchHandler {
  readonly #answer = Promise.withResolvers<{ readonly status: number; readonly text: string }>()
  readonly #chunks: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #givenUp: Error | undefined
  #status = 0
  #bytes = 0

  get answer() {
    return this.#answer.promise
  }

  giveUp(reason: Error): void {
    this.#givenUp ??= reason
    this.#controller?.abort(reason)
    this.#fail(reason)
  }

  /** A connection is there, and the request is about to be written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#givenUp) return controller.abort(this.#givenUp)
    this.#controller = controller
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > maxAnswerBytes) return this.giveUp(new Error(`an answer of more than ${maxAnswerBytes} bytes`))
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#answer.resolve({ status: this.#status, text: Buffer.concat(this.#chunks).toString() })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error)
  }

  #fail(error: Error): void {
    this.#answer.reject(new MemberFailure('away', reasonOf(error), this.#controller !== undefined, { cause: error }))
  }
}

/** What went wrong on the way. Attempts at several addresses fail with several errors, and no message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (untrusted.has(errnoOf(error))) return 'its certificate is from no root that is trusted (see SLUICE_ETCD_TLS_CA)'
  const message = error instanceof Error ? error.message : String(error)
  return message || errnoOf(error) || 'unknown'
}

/** Errors of X.509, for which Node has advice of its own (https://nodejs.org/api/tls.html#x509-certificate-error-codes). */
const untrusted: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
