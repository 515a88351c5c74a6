import type { Exchange } from '@sluice/shared/exchange/exchange'
import { orAborted, within } from '@sluice/shared/machine/race'
import type { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { RequestRecord } from '../operations/request-record.ts'
import type { GitReply } from '../reply/git-reply.ts'
import { isCommitted, PushCommands } from './push-commands.ts'
import type { RequestBody } from '../body/request-body.ts'
import type { RunJob } from '../process/job.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'

/*
 * The end of a push whose exchange is over before git is. Once the references have moved, the push has happened, and its
 * post-receive and post-update hooks deploy, or notify: that a client has left is no reason to end them.
 *
 *   over ──input closed, output read on──▶ grace ──not moved──▶ torn down
 *     │                                      │ moved               ▲
 *     └── moved ──────────▶ hooks may end by themselves ───────────┘ SLUICE_HOOK_TIMEOUT, or the host stops
 *
 * That they have moved is told by git's report; of a push that wants none, by the references. Each of these waits is over
 * when nothing of the push lives. A supervisor that is killed takes the hooks with it, as it takes all of its requests.
 */

/** What ends hooks, too: they have had their time, or the host stops. */
const endsHooks: ReadonlySet<string> = new Set(['git_silent', 'draining'])

/** How long the look at the references may take. */
const lookMs = 5000

/** So many references are looked at. */
const maxLookedAt = 100

const maxNameLength = 256

export type PushEndingServices = {
  /** Milliseconds for which a push whose input was closed may go on before it is ended. */
  readonly pushGrace: number
  /** Milliseconds for which the hooks of a push that has happened may go on after its client has gone. */
  readonly hookTimeout: number
  /** Aborted when the host stops and ends what still runs. */
  readonly ending: AbortSignal
  readonly runJob: RunJob
  readonly log: Logger
}

export class PushEnding {
  readonly #services: PushEndingServices
  readonly #exchange: Exchange
  readonly #record: RequestRecord
  readonly #body: RequestBody
  readonly #gitDir: string
  readonly #reply: GitReply
  /** Whether the client had been sent git's report, or its beginning, when its exchange ended. */
  wasTold = false
  #wasLetEnd = false
  #ended: Promise<void> | undefined

  constructor(
    services: PushEndingServices,
    exchange: Exchange,
    record: RequestRecord,
    body: RequestBody,
    gitDir: string,
    reply: GitReply,
  ) {
    this.#services = services
    this.#exchange = exchange
    this.#record = record
    this.#body = body
    this.#gitDir = gitDir
    this.#reply = reply
  }

  /**
   * Ends the worker, or lets its hooks end: to be called when the exchange is over and git is not.
   *
   * @param isPassedOn whether the client gets what git writes at once
   */
  end(worker: WorkerHandle, isPassedOn: boolean): void {
    this.#ended = this.#end(worker, isPassedOn)
  }

  async #end(worker: WorkerHandle, isPassedOn: boolean): Promise<void> {
    const { signal } = this.#exchange
    // It is not over: git, or its worker, is.
    if (!signal.aborted) return worker.stop()
    const { reason } = signal.reason as Refusal
    const mayGoOn = !endsHooks.has(reason)
    this.wasTold = isPassedOn && this.#reply.hasReported
    worker.detach((chunk) => void this.#reply.take(chunk))
    if (mayGoOn && !this.#reply.hasReported) await this.#wait(worker, this.#services.pushGrace)
    this.#wasLetEnd = this.#reply.hasReported || (worker.state !== 'gone' && (await this.#haveMoved()))
    if (this.#wasLetEnd && mayGoOn) await this.#wait(worker, this.#services.hookTimeout)
    if (this.#wasLetEnd && worker.state !== 'gone') this.#warn(mayGoOn ? 'hook_timeout' : reason)
    // The grace for its own clean-up has passed by now, or is for what is not left any more.
    worker.stop(mayGoOn || this.#wasLetEnd ? 0 : undefined)
  }

  /** What is to be said of it when nothing of it lives. */
  async conclude(): Promise<void> {
    await this.#ended
    if (!this.#wasLetEnd) return
    const { git } = this.#record
    this.#record.finishedAfterDisconnect = git !== undefined && git.signal === null
  }

  /** Until nothing of it lives, the host stops, or the time is over. */
  async #wait(worker: WorkerHandle, milliseconds: number): Promise<void> {
    const over = orAborted(worker.gone, this.#services.ending).catch(() => {})
    await within(milliseconds, over, undefined)
  }

  /** For a client that has not asked for a report: whether a reference is what it wanted it to be, and was not before. */
  async #haveMoved(): Promise<boolean> {
    const reading = new PushCommands()
    reading.read(this.#body.beginning)
    const { capabilities, commands } = reading
    if (capabilities.has('report-status') || capabilities.has('report-status-v2')) return false
    const moves = commands.filter(({ oldId, newId }) => oldId !== newId).slice(0, maxLookedAt)
    const signal = AbortSignal.timeout(lookMs)
    // Whatever goes wrong: it is not known that they have moved.
    return await isCommitted(this.#gitDir, moves, (args) => this.#services.runJob(args, { signal })).catch(() => false)
  }

  #warn(why: string): void {
    const { request, worker } = this.#record
    const repository = request?.repository.slice(0, maxNameLength)
    const line = { requestId: this.#exchange.id, repository, worker, why }
    this.#services.log.warn(
      line,
      'ended the hooks of a push that had happened: they went on for too long without their client',
    )
  }
}
