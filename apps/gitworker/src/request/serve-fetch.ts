import type { Readable } from 'node:stream'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Claim } from '@sluice/shared/admission/fair-queue'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Producer } from '../cache/packs/intake.ts'
import type { Answering, Question } from '../cache/references/answers.ts'
import type { PackReader } from '../cache/packs/pack-reader.ts'
import { refuse } from '../operations/request-record.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { laneOf, waits } from '../capacity/admission.ts'
import type { LaneName } from '../capacity/admission.ts'
import { AnswerCapture } from '../reply/answer-capture.ts'
import type { GitCall } from './git-call.ts'
import { noteVerdict, watchReply } from '../reply/git-reply.ts'
import type { GitReply, Verdict } from '../reply/git-reply.ts'
import { tellReason } from '../reply/reply-trailer.ts'
import { concludeRun, startGit } from './git-runs.ts'
import type { GitRun } from './git-runs.ts'
import type { Host } from './host.ts'
import { begin, failureOf, rejectionOf, silenceAfterEnd } from '../reply/relay.ts'
import type { RequestBody } from '../body/request-body.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import { endWith } from './slots.ts'
import { workerRefusal } from '../process/worker-handle.ts'

/** What is read of a repository: an advertisement, a list of references, or a pack. */
export type ReadRequest = {
  /** Undefined for what is nobody else's. */
  readonly key: string | undefined
  readonly gitDir: string
  /** Undefined for an advertisement. */
  readonly body: RequestBody | undefined
  /** What git is asked, where its answer may be kept. */
  readonly question: Question | undefined
}

type Asked = ReadRequest & Pick<GitCall, 'request' | 'claim'> & { readonly lane: LaneName }

/**
 * Answers a request that reads. git writes, and whoever asked reads it at their own pace: where that is slow, git runs
 * ahead, and its slot is free when it is done. Others may be asking for the same pack: one git writes it for all of them.
 * It is nobody's in particular then, has a slot of its own, and ends when the last of them has left.
 */
export async function serveFetch(call: GitCall, what: ReadRequest): Promise<void> {
  const { exchange, host, request, claim, visit, record } = call
  const { outgoing, signal } = exchange
  const asked: Asked = { ...what, request, claim, lane: laneOf(request) }
  record.phase = 'queued'
  const start = (unwanted: AbortSignal) => {
    delete record.cache
    return produce(host, asked, exchange, unwanted, record)
  }
  using reader = asked.key === undefined ? await readerAlone() : await readerFor(asked.key)
  record.stream = streamOf(reader)
  record.waitedMs = exchange.milliseconds
  record.phase = 'serving'
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
      noteVerdict(record, verdict)
      tellReason(exchange, verdict.refusal)
    }
    await visit.leave()
    await exchange.finish()
  } catch (error) {
    // Answered before git is waited for: its teardown may take as long as its graces.
    await refuse(exchange, record, signal.aborted ? signal.reason : error)
  }
  signal.removeEventListener('abort', leave)
  leave()
  record.phase = 'ending'
  if (reader.wasLast && reader.producer instanceof GitProducer) await reader.producer.conclude(record)

  async function readerAlone(): Promise<PackReader> {
    using _waits = waits(exchange, host, asked.lane)
    return await host.packs.readAlone(start, signal)
  }

  async function readerFor(key: string): Promise<PackReader> {
    record.cache = 'pack'
    using _ = waits(exchange, host, asked.lane)
    // Who joins others that wait for a slot, and then has to wait for one of its own, waits no longer than they.
    const late = new AbortController()
    const { queueTimeout } = host.admission.lanes[asked.lane].limits
    const timer = setTimeout(() => late.abort(new Refusal('queue_timeout')), queueTimeout)
    try {
      const stateNow = () => host.answers?.stateOf(asked.gitDir)
      return await host.packs.read(key, stateNow, start, AbortSignal.any([signal, late.signal]))
    } finally {
      clearTimeout(timer)
    }
  }
}

/** What was wrong with a git that has ended. A reply of which that is to be told at its end has no length at its head. */
function verdictOf({ producer }: PackReader): Verdict | undefined {
  return producer instanceof GitProducer ? producer.verdict : undefined
}

/** For the status page: whose git it is that writes what a request reads. */
function streamOf(reader: PackReader): RequestRecord['stream'] {
  const { producer } = reader
  if (!(producer instanceof GitProducer)) return undefined
  const { worker } = producer.run
  return {
    get worker() {
      return worker.state === 'gone' ? undefined : worker.pid
    },
  }
}

/** git that writes for whoever asked for it. */
export class GitProducer implements Producer {
  readonly run: GitRun
  readonly state: number | undefined
  readonly lane: LaneName
  readonly claim: Claim
  readonly ended: Promise<'keep' | 'forget'>
  readonly silent: Promise<void>

  /** What was wrong, once git has ended with an error of which it has told its readers itself. */
  verdict: Verdict | undefined

  /**
   * @param input rejects when git cannot be given what was asked
   * @param answering where its answer may be kept
   */
  constructor(
    run: GitRun,
    { request, lane, claim }: Asked,
    state: number | undefined,
    input: Promise<void>,
    answering: Answering | undefined,
  ) {
    this.run = run
    this.state = state
    this.lane = lane
    this.claim = claim
    const reply = watchReply(request)
    const capture = answering && new AnswerCapture(answering)
    // Paused, a stream does not begin to flow because somebody listens.
    run.worker.stdout.pause().on('data', (chunk: Buffer) => {
      reply.take(chunk)
      capture?.take(chunk)
    })
    this.silent = silenceAfterEnd(run.worker)
    this.ended = this.#end(reply, input, capture)
    // Its note is kept until nothing of it lives.
    void run.worker.gone.then(() => this.#release())
  }

  get output(): Readable {
    return this.run.worker.stdout
  }

  /** For the last of its readers; unless it is long over, and the pack was read again. */
  async conclude(record: RequestRecord): Promise<void> {
    const { worker } = this.run
    if (worker.state !== 'gone' || record.worker === worker.pid) await concludeRun(worker, record)
  }

  /** @returns whether the pack may be given to others later; what git has to say itself, in the pack's place, may not */
  async #end(reply: GitReply, input: Promise<void>, capture: AnswerCapture | undefined): Promise<'keep' | 'forget'> {
    const { worker } = this.run
    try {
      const report = await Promise.race([worker.report, rejectionOf(input)])
      if (report.signal !== null) throw new Refusal('git_killed')
      if (report.code !== 0 && worker.outputBytes === 0) throw await failureOf(worker)
      if (report.code === 0 && !capture) return 'keep'
      await Promise.race([outputEnd(worker.stdout), this.silent])
      if (report.code === 0) capture?.store()
      this.verdict = await reply.verdict(report, () => worker.lastWords())
      return report.code === 0 ? 'keep' : 'forget'
    } catch (error) {
      this.stop()
      throw workerRefusal(error) ?? error
    }
  }

  /** Whether it holds its slot. */
  get holdsSlot(): boolean {
    return this.run.worker.state !== 'gone'
  }

  stop(): void {
    this.output.destroy()
    this.#release()
  }

  #release(): void {
    // A note that cannot be removed, on a disk that has become read-only, says nothing wrong: nobody of that name lives.
    void Promise.resolve(this.run[Symbol.asyncDispose]()).catch(() => {})
  }
}

/** git for what is read: waits for a slot and a worker, on behalf of all who want it. */
async function produce(
  host: Host,
  asked: Asked,
  { clientAddress, user }: Pick<Exchange, 'clientAddress' | 'user'>,
  unwanted: AbortSignal,
  record: RequestRecord,
): Promise<Producer> {
  const { key, request, gitDir, body, question } = asked
  const slot = await slotFor(host, asked, unwanted)
  try {
    record.phase = 'starting'
    await checkServiceIsOn(host, gitDir, request, unwanted)
    // Before git is started, and not after: whatever changes from now on shows.
    const state = key === undefined ? undefined : host.answers?.stateOf(gitDir)
    const answering = question && host.answers?.ask(question)
    const whose = key === undefined ? user : undefined
    const run = await startGit(host, request, gitDir, { clientAddress, user: whose, signal: unwanted })
    const { worker } = run
    endWith(worker, slot)
    record.worker = worker.pid
    void worker.report.then((report) => (record.git = report)).catch(() => {})
    const input = body ? body.feed(worker.stdin) : Promise.resolve(void worker.stdin.end())
    return new GitProducer(run, asked, state, input, answering)
  } catch (error) {
    slot[Symbol.dispose]()
    throw workerRefusal(error) ?? error
  }
}

/** While it waits, its body is read on: a client with much unread could leave without being noticed. */
async function slotFor(host: Host, { body, lane, claim }: Asked, unwanted: AbortSignal): Promise<Disposable> {
  using _ahead = body?.readAhead(host.readAhead)
  return await host.admission.admit(lane, claim, unwanted)
}

/** Resolves when all of a stream has been read, or when it is closed before that. */
async function outputEnd(output: Readable): Promise<void> {
  if (output.readableEnded || output.destroyed) return
  await new Promise((resolve) => output.once('end', resolve).once('close', resolve))
}
