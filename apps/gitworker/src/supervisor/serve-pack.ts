import type { Readable } from 'node:stream'
import type { Exchange } from '@sluice/shared/exchange'
import type { Claim } from '@sluice/shared/fair-queue'
import type { GitRequest } from '@sluice/shared/git-request'
import { Refusal } from '@sluice/shared/refusal'
import type { Producer } from '../cache/intake.ts'
import type { PackCache } from '../cache/pack-cache.ts'
import type { PackReader } from '../cache/pack-reader.ts'
import { refuse } from './account.ts'
import type { Account } from './account.ts'
import { waits } from './admission.ts'
import { noteVerdict, watchReply } from './git-reply.ts'
import type { GitReply, Verdict } from './git-reply.ts'
import { tellReason } from './reply-trailer.ts'
import { concludeRun, startGit } from './git-run.ts'
import type { GitRun } from './git-run.ts'
import type { Host } from './host.ts'
import { begin, failureOf } from './relay.ts'
import type { RequestBody } from './request-body.ts'
import { checkServiceIsOn } from './service-switch.ts'
import { workerRefusal } from './worker-handle.ts'

export type PackRequest = {
  readonly key: string
  readonly request: GitRequest
  readonly gitDir: string
  readonly body: RequestBody
  readonly claim: Claim
}

/**
 * Answers a fetch with a pack that others may be asking for, too: one git writes it, and everybody reads it at their own
 * pace. That git is nobody's in particular: it has a slot of its own, and ends when the last of them has left.
 */
export async function servePack(
  exchange: Exchange,
  host: Host,
  packs: PackCache,
  asked: PackRequest,
  account: Account,
): Promise<void> {
  const { outgoing, signal } = exchange
  const { request } = asked
  account.phase = 'queued'
  account.cache = 'pack'
  const start = (unwanted: AbortSignal) => {
    delete account.cache
    return produce(host, asked, exchange.source, unwanted, account)
  }
  using reader = await readerFor()
  account.waitedMs = exchange.milliseconds
  account.phase = 'serving'
  // Its client is gone, or it has taken too long: what it has not read is no matter.
  const leave = () => reader[Symbol.dispose]()
  signal.addEventListener('abort', leave, { once: true })
  try {
    await reader.copyTo(outgoing, (count) => {
      // With its length told, what follows goes over both connections as it is, without being cut into chunks.
      if (!outgoing.headersSent) begin(exchange, request, verdictOf(reader) ? undefined : reader.totalBytes)
      exchange.sent(count)
    })
    if (!outgoing.headersSent) begin(exchange, request)
    const verdict = verdictOf(reader)
    if (verdict) {
      noteVerdict(account, verdict)
      tellReason(exchange, verdict.refusal)
    }
    await exchange.finish()
  } catch (error) {
    // Answered before git is waited for: its teardown may take as long as its graces.
    await refuse(exchange, account, signal.aborted ? signal.reason : error)
  }
  signal.removeEventListener('abort', leave)
  leave()
  account.phase = 'ending'
  if (reader.wasLast && reader.producer instanceof GitProducer) await reader.producer.conclude(account)

  async function readerFor(): Promise<PackReader> {
    using _ = waits(exchange, host, 'fetch')
    // Who joins others that wait for a slot, and then has to wait for one of its own, waits no longer than they.
    const late = new AbortController()
    const { queueTimeout } = host.admission.lanes.fetch.limits
    const timer = setTimeout(() => late.abort(new Refusal('queue_timeout')), queueTimeout)
    try {
      const stateNow = () => host.answers?.stateOf(asked.gitDir)
      return await packs.read(asked.key, stateNow, start, AbortSignal.any([signal, late.signal]))
    } finally {
      clearTimeout(timer)
    }
  }
}

/** What was wrong with a git that has ended. A reply of which that is to be told at its end has no length at its head. */
function verdictOf({ producer }: PackReader): Verdict | undefined {
  return producer instanceof GitProducer ? producer.verdict : undefined
}

/** git that writes a pack for whoever asked for it. */
class GitProducer implements Producer {
  readonly run: GitRun
  readonly state: number | undefined
  readonly ended: Promise<'keep' | 'forget'>

  /** What was wrong, once git has ended with an error of which it has told its readers itself. */
  verdict: Verdict | undefined

  constructor(run: GitRun, request: GitRequest, state: number | undefined) {
    this.run = run
    this.state = state
    const reply = watchReply(request)
    // Paused, a stream does not begin to flow because somebody listens.
    run.worker.stdout.pause().on('data', (chunk: Buffer) => void reply.take(chunk))
    this.ended = this.#end(reply)
    // Its note is kept until nothing of it lives.
    void run.worker.gone.then(() => this.stop())
  }

  get output(): Readable {
    return this.run.worker.stdout
  }

  /** For the last of its readers; unless it is long over, and the pack was read again. */
  async conclude(account: Account): Promise<void> {
    const { worker } = this.run
    if (worker.state !== 'gone' || account.worker === worker.pid) await concludeRun(worker, account)
  }

  /** @returns whether the pack may be given to others later; what git has to say itself, in the pack's place, may not */
  async #end(reply: GitReply): Promise<'keep' | 'forget'> {
    const { worker } = this.run
    try {
      const report = await worker.report
      if (report.signal !== null) throw new Refusal('git_killed')
      if (report.code === 0) return 'keep'
      if (worker.outputBytes === 0) throw await failureOf(worker)
      await outputEnd(worker.stdout)
      this.verdict = await reply.verdict(report, () => worker.lastWords())
      return 'forget'
    } catch (error) {
      throw workerRefusal(error) ?? error
    }
  }

  stop(): void {
    // A note that cannot be removed, on a disk that has become read-only, says nothing wrong: nobody of that name lives.
    void Promise.resolve(this.run[Symbol.asyncDispose]()).catch(() => {})
  }
}

/** git for a pack: waits for a slot and a worker, on behalf of all who want it. */
async function produce(
  host: Host,
  { request, gitDir, body, claim }: PackRequest,
  source: string,
  unwanted: AbortSignal,
  account: Account,
): Promise<Producer> {
  const slot = await host.admission.admit('fetch', claim, unwanted)
  try {
    await checkServiceIsOn(host, gitDir, request, unwanted)
    // Before git is started, and not after: whatever changes from now on shows.
    const state = host.answers?.stateOf(gitDir)
    const run = await startGit(host, request, gitDir, { source, user: undefined, signal: unwanted })
    const { worker } = run
    void worker.gone.then(() => slot[Symbol.dispose]())
    account.worker = worker.pid
    void worker.report.then((report) => (account.git = report)).catch(() => {})
    // What git does not read of it, its end tells.
    body.feed(worker.stdin).catch(() => {})
    return new GitProducer(run, request, state)
  } catch (error) {
    slot[Symbol.dispose]()
    throw workerRefusal(error) ?? error
  }
}

/** Resolves when all of a stream has been read, or when it is closed before that. */
async function outputEnd(output: Readable): Promise<void> {
  if (output.readableEnded || output.destroyed) return
  await new Promise((resolve) => output.once('end', resolve).once('close', resolve))
}
