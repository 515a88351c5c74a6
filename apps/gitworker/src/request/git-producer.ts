import type { Readable } from 'node:stream'
import type { Claim } from '@sluice/shared/admission/fair-queue'
import { reasonOfSignal } from '../git/faults.ts'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Producer } from '../cache/packs/stream/pack-source.ts'
import type { PendingEntry } from '../cache/references/reference-cache.ts'
import type { LaneName } from '../capacity/admission.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { workerRefusal } from '../process/worker-handle.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'
import { AnswerCapture } from '../reply/answer-capture.ts'
import type { GitReply, Verdict } from '../reply/git-reply.ts'
import { failureOf, rejectionOf, silenceAfterEnd } from '../reply/relay.ts'
import { concludeRun } from './git-runs.ts'

/** A git that reads a repository, with what it holds while it runs. */
export type ReadingGit = {
  readonly worker: WorkerHandle
  /** The slot, and the run in it. Disposing of it ends git. It is disposed of at the latest when git is gone. */
  readonly held: AsyncDisposable
  readonly lane: LaneName
  readonly claim: Claim
  /** The state of the repository just before git was started. */
  readonly state: number | undefined
}

/** A git that writes for one request, or for several that read the same pack. */
export class GitProducer implements Producer {
  readonly lane: LaneName
  readonly claim: Claim
  readonly state: number | undefined
  readonly worker: WorkerHandle
  readonly ended: Promise<'keep' | 'forget'>
  readonly silent: Promise<void>
  /** Set when git has ended with an error that it has reported to the client itself. */
  verdict: Verdict | undefined
  readonly #held: AsyncDisposable

  /**
   * @param input rejects when the request's body cannot be sent to git
   * @param entry undefined where the answer is not cached
   * @param reply reads what git writes
   */
  constructor(
    { worker, held, lane, claim, state }: ReadingGit,
    input: Promise<void>,
    entry: PendingEntry | undefined,
    reply: GitReply,
  ) {
    this.lane = lane
    this.claim = claim
    this.state = state
    this.worker = worker
    this.#held = held
    const capture = entry && new AnswerCapture(entry)
    // A paused stream does not begin to flow because a listener is added.
    worker.stdout.pause().on('data', (chunk: Buffer) => {
      reply.take(chunk)
      capture?.take(chunk)
    })
    this.silent = silenceAfterEnd(worker)
    this.ended = this.#end(reply, input, capture)
    void worker.gone.then(() => this.#release())
  }

  get output(): Readable {
    return this.worker.stdout
  }

  get holdsSlot(): boolean {
    return this.worker.state !== 'gone'
  }

  /**
   * Records how git ended. Called for the last reader. Does nothing for a request that reads a finished pack, whose git
   * served another request.
   */
  async conclude(record: RequestRecord): Promise<void> {
    const { worker } = this
    if (worker.state !== 'gone' || record.worker === worker.pid) await concludeRun(worker, record)
  }

  stop(): void {
    this.output.destroy()
    this.#release()
  }

  /** @returns whether later requests may get the same output: not if it is an error message in place of a pack */
  async #end(reply: GitReply, input: Promise<void>, capture: AnswerCapture | undefined): Promise<'keep' | 'forget'> {
    const { worker } = this
    try {
      const report = await Promise.race([worker.report, rejectionOf(input)])
      if (report.signal !== null) throw new Refusal(reasonOfSignal(report.signal))
      if (report.code === 0 && !capture) return 'keep'
      // git's exit may be known before what it wrote is read.
      await Promise.race([outputEnd(worker.stdout), this.silent])
      if (report.code !== 0 && worker.outputBytes === 0) throw await failureOf(worker)
      if (report.code === 0) capture?.store()
      this.verdict = await reply.verdict(report, () => worker.lastWords())
      return report.code === 0 ? 'keep' : 'forget'
    } catch (error) {
      this.stop()
      throw workerRefusal(error) ?? error
    }
  }

  #release(): void {
    // On a disk that has become read-only, the note cannot be removed. That does no harm: it names a process that is
    // gone.
    void Promise.resolve(this.#held[Symbol.asyncDispose]()).catch(() => {})
  }
}

/** Resolves when a stream has been read to its end or is closed. */
async function outputEnd(output: Readable): Promise<void> {
  if (output.readableEnded || output.destroyed) return
  await new Promise((resolve) => output.once('end', resolve).once('close', resolve))
}
