import type { OutgoingHttpHeaders } from 'node:http'
import type { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { noCache } from '@sluice/shared/http/no-cache'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { pump } from '@sluice/shared/exchange/pump'
import { orAborted } from '@sluice/shared/machine/race'
import { reasons } from '@sluice/shared/refusal/reasons'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { GitReport } from '../process/worker-message.ts'
import { mistakesIn, reasonInWords, reasonOfSignal } from '../git/faults.ts'
import { isShortage } from '../git/shortage.ts'
import { beginningInPrint } from '../git/messages.ts'
import type { RequestBody } from '../body/request-body.ts'
import { workerRefusal } from '../process/worker-handle.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'

/**
 * Moves the request's body to git and git's output to the client, both at the same time, each at the receiver's pace.
 *
 * The status is decided by git's first byte or its exit, whichever comes first. If git exits with an error before it
 * has written a byte, the request is refused. If it does so later, its own message is in the stream, and the reply ends
 * normally. If git was killed or its worker was lost, the request is refused or the reply is cut: an incomplete pack
 * must never look complete.
 *
 * @param onOutput called with each chunk of git's output; may return what is sent in its place
 * @param sink passes the output on to the client; the response itself unless given
 * @param stop ends the worker; at once unless given
 * @returns how git ended by itself; the caller ends the reply
 * @throws {Refusal} why the exchange must end otherwise; `stop` has been called
 */
export async function relay(
  exchange: Exchange,
  request: GitRequest,
  body: RequestBody | undefined,
  worker: WorkerHandle,
  onOutput: (chunk: Buffer) => Buffer | void = () => {},
  sink: Writable = exchange.outgoing,
  stop: () => void = () => worker.stop(),
): Promise<GitReport> {
  const { outgoing, signal } = exchange
  const input = body ? body.feed(worker.stdin) : Promise.resolve(void worker.stdin.end())
  const output = pump(worker.stdout, sink, (count, chunk) => {
    if (!outgoing.headersSent) beginReply(exchange, request)
    const written = onOutput(chunk)
    exchange.sent(written?.length ?? count)
    return written
  })
  // git's exit and the end of its output come in any order. Both are waited for.
  const git = Promise.all([worker.report, Promise.race([output, silenceAfterEnd(worker)])])
  try {
    const [report] = await orAborted(Promise.race([git, rejectionOf(input)]), signal)
    await conclude(exchange, request, report, worker)
    return report
  } catch (error) {
    stop()
    // Where the exchange has ended, that is the reason of every other error.
    throw signal.aborted ? (signal.reason as Refusal) : (workerRefusal(error) ?? Refusal.from(error))
  }
}

/** Checks how git ended, when all of its output has been passed on, and begins the reply if there was no output. */
async function conclude(
  exchange: Exchange,
  request: GitRequest,
  report: GitReport,
  worker: WorkerHandle,
): Promise<void> {
  if (report.signal !== null) throw new Refusal(reasonOfSignal(report.signal))
  if (exchange.outgoing.headersSent) return
  if (report.code !== 0) throw await failureOf(worker)
  beginReply(exchange, request)
}

/** Why git failed before it wrote anything. A mistake of the client's is told in git's own words. */
export async function failureOf(worker: WorkerHandle): Promise<Refusal> {
  const words = await worker.lastWords()
  const reason = reasonInWords(words) ?? (isShortage(words) ? 'no_resources' : 'git_failed')
  if (reason !== 'git_refused') return new Refusal(reason)
  return new Refusal(reason, {
    sentence: `${reasons.git_refused.sentence} It says: ${beginningInPrint(mistakesIn(words))}`,
  })
}

/**
 * Begins a reply with the headers that git's http-backend(1) sends and, in versions 0 and 1, with the line that comes
 * before an advertisement.
 *
 * @param length how many bytes git writes, where that is known
 */
export function beginReply(exchange: Exchange, request: GitRequest, length?: number): void {
  const preamble = request.kind === 'rpc' || request.version === 2 ? '' : preambleOf(request)
  const size = length === undefined ? {} : { 'Content-Length': preamble.length + length }
  exchange.outgoing.writeHead(200, { ...noCache, 'Content-Type': contentType(request), ...size })
  if (preamble === '') return
  exchange.outgoing.write(preamble)
  exchange.sent(preamble.length)
}

/** Begins the reply with a file that is not in git's protocol. @param length how many bytes it has, where that is known */
export function beginDownload({ outgoing }: Exchange, headers: OutgoingHttpHeaders, length?: number): void {
  outgoing.writeHead(200, { ...headers, ...(length !== undefined && { 'Content-Length': length }) })
}

function preambleOf({ service }: GitRequest): string {
  return pktLine(`# service=git-${service}\n`) + flushPacket
}

export function contentType({ kind, service }: GitRequest): string {
  return `application/x-git-${service}-${kind === 'advertisement' ? 'advertisement' : 'result'}`
}

/** How long git's output must be silent. */
const silenceMs = 1000

/**
 * Resolves when git's worker is gone and its output is silent, but does not end because another process holds it open.
 * The output does not count as silent while the client does not read: there may be more in the pipe.
 */
export async function silenceAfterEnd(worker: WorkerHandle): Promise<void> {
  await worker.gone
  for (let before: number | undefined; ;) {
    const { stdout, outputBytes } = worker
    if (stdout.closed || outputBytes === before) return
    before = stdout.isPaused() || stdout.readableLength > 0 ? undefined : outputBytes
    await setTimeout(silenceMs, undefined, { ref: false })
  }
}

/** Rejects if `promise` does; never resolves. */
export function rejectionOf(promise: Promise<void>): Promise<never> {
  return new Promise((_, reject) => void promise.catch(reject))
}
