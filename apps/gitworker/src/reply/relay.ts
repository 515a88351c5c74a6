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
import { mistakesIn, reasonInWords } from '../git/faults.ts'
import { isShortage } from '../git/shortage.ts'
import { beginningInPrint } from '../git/messages.ts'
import type { RequestBody } from '../body/request-body.ts'
import { workerRefusal } from '../process/worker-handle.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'

/**
 * Moves the request to git and git's output to the client, both at the same time, each at the receiver's pace.
 *
 * The status is decided by git's first byte or its exit, whichever comes first: an exit with an error before a byte is a
 * refusal; after one, git's own message is in the stream and the reply ends as it should. What was killed, or lost, is
 * refused or cut: a pack that is not whole must never look like one.
 *
 * @param onOutput gets what git wrote, as it comes, and may return what the client gets in its place
 * @param sink takes it on its way to the client, where that is not the direct one
 * @param stop ends the worker, where that is not to be at once
 * @returns how git ended by itself; the reply is the caller's to end
 * @throws {Refusal} when the exchange must end otherwise; `stop` has been called
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
    if (!outgoing.headersSent) begin(exchange, request)
    const written = onOutput(chunk)
    exchange.sent(written?.length ?? count)
    return written
  })
  // Exit and the end of standard output come in any order, and both are waited for.
  const git = Promise.all([worker.report, Promise.race([output, silenceAfterEnd(worker)])])
  try {
    const [report] = await orAborted(Promise.race([git, rejectionOf(input)]), signal)
    await conclude(exchange, request, report, worker)
    return report
  } catch (error) {
    stop()
    // Whatever broke because the exchange was ended, its end is the reason.
    throw signal.aborted ? (signal.reason as Refusal) : (workerRefusal(error) ?? Refusal.from(error))
  }
}

/** What is still to be said when git has ended by itself and all that it wrote has been passed on. */
async function conclude(
  exchange: Exchange,
  request: GitRequest,
  report: GitReport,
  worker: WorkerHandle,
): Promise<void> {
  if (report.signal !== null) throw new Refusal('git_killed')
  if (exchange.outgoing.headersSent) return
  if (report.code !== 0) throw await failureOf(worker)
  begin(exchange, request)
}

/** Why git failed before it wrote anything. What the client has got wrong, it is told in git's words. */
export async function failureOf(worker: WorkerHandle): Promise<Refusal> {
  const words = await worker.lastWords()
  const reason = reasonInWords(words) ?? (isShortage(words) ? 'no_resources' : 'git_failed')
  if (reason !== 'git_refused') return new Refusal(reason)
  return new Refusal(reason, {
    sentence: `${reasons.git_refused.sentence} It says: ${beginningInPrint(mistakesIn(words))}`,
  })
}

/**
 * The head of a reply, with the headers of git's http-backend(1) and no others, and in versions 0 and 1 the line that
 * stands before an advertisement.
 *
 * @param length how many bytes git writes, where that is known
 */
export function begin(exchange: Exchange, request: GitRequest, length?: number): void {
  const preamble = request.kind === 'rpc' || request.version === 2 ? '' : preambleOf(request)
  const size = length === undefined ? {} : { 'Content-Length': preamble.length + length }
  exchange.outgoing.writeHead(200, { ...noCache, 'Content-Type': contentType(request), ...size })
  if (preamble === '') return
  exchange.outgoing.write(preamble)
  exchange.sent(preamble.length)
}

function preambleOf({ service }: GitRequest): string {
  return pktLine(`# service=git-${service}\n`) + flushPacket
}

export function contentType({ kind, service }: GitRequest): string {
  return `application/x-git-${service}-${kind === 'advertisement' ? 'advertisement' : 'result'}`
}

/** So long must git's output be silent. */
const silenceMs = 1000

/**
 * Resolves when git's worker is gone and its output, though more is wanted, brings nothing more and does not end: something
 * else holds it open. While the client takes nothing, there may still be something in the pipe.
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
