import type { Exchange } from '@sluice/shared/exchange/exchange'
import { orAborted, within } from '@sluice/shared/machine/race'
import type { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { RequestRecord } from '../operations/request-record.ts'
import type { GitReply } from '../reply/git-reply.ts'
import { isCommitted, PushCommands } from './push-commands.ts'
import type { RequestBody } from '../body/request-body.ts'
import type { RunJob } from '../process/job/job.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'

/*
 * The end of a push whose exchange is over before git is. Once the references have moved, the push has happened, and its
 * post-receive and post-update hooks deploy, or notify somebody. They are not ended because the client has left.
 *
 *   over ──input closed, output read on──▶ grace ──not moved──▶ torn down
 *     │                                      │ moved               ▲
 *     └── moved ──────────▶ hooks may end by themselves ───────────┘ SLUICE_HOOK_TIMEOUT, or the host stops
 *
 * git's report says whether the references have moved. For a push that wants no report, the references are looked at. Each
 * of these waits ends as soon as nothing of the push lives. If the supervisor is killed, the hooks are ended with it, as is
 * everything that it serves.
 */

/** Reasons for which hooks are ended, too: they have had their time, or the host stops. */
const endsHooks: ReadonlySet<string> = new Set(['git_silent', 'draining'])

/** How long git may take to list the references. */
const lookMs = 5000

/** The most references that are looked at. */
const maxLookedAt = 100

const maxNameLength = 256

export type PushEndingServices = {
  /** Milliseconds for which a push whose input was closed may go on before it is ended. */
  readonly pushGrace: number
  /** Milliseconds for which the hooks of a push that has happened may go on after its client has left. */
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
  /** Whether the client had been sent at least the beginning of git's report when its exchange ended. */
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
   * Ends the worker, or lets its hooks end. To be called when the exchange is over and git is not.
   *
   * @param isPassedOn whether the client has been sent what git has written
   */
  end(worker: WorkerHandle, isPassedOn: boolean): void {
    this.#ended = this.#end(worker, isPassedOn)
  }

  async #end(worker: WorkerHandle, isPassedOn: boolean): Promise<void> {
    const { signal } = this.#exchange
    // The exchange goes on: it is git, or its worker, that has failed.
    if (!signal.aborted) return worker.stop()
    const { reason } = signal.reason as Refusal
    const mayGoOn = !endsHooks.has(reason)
    this.wasTold = isPassedOn && this.#reply.hasReported
    worker.detach((chunk) => void this.#reply.take(chunk))
    if (mayGoOn && !this.#reply.hasReported) await this.#wait(worker, this.#services.pushGrace)
    this.#wasLetEnd = this.#reply.hasReported || (worker.state !== 'gone' && (await this.#haveMoved()))
    if (this.#wasLetEnd && mayGoOn) await this.#wait(worker, this.#services.hookTimeout)
    if (this.#wasLetEnd && worker.state !== 'gone') this.#warn(mayGoOn ? 'hook_timeout' : reason)
    // The grace in which git cleans up has passed by now, or there is nothing left to clean up.
    worker.stop(mayGoOn || this.#wasLetEnd ? 0 : undefined)
  }

  /** Completes the record of the push. To be called when nothing of it lives. */
  async conclude(): Promise<void> {
    await this.#ended
    if (!this.#wasLetEnd) return
    const { git } = this.#record
    this.#record.finishedAfterDisconnect = git !== undefined && git.signal === null
  }

  /** Waits until nothing of the push lives, the host stops, or the time is over. */
  async #wait(worker: WorkerHandle, milliseconds: number): Promise<void> {
    const over = orAborted(worker.gone, this.#services.ending).catch(() => {})
    await within(milliseconds, over, undefined)
  }

  /** For a client that has not asked for a report: whether a reference has become what the push wanted it to be. */
  async #haveMoved(): Promise<boolean> {
    const reading = new PushCommands()
    reading.read(this.#body.beginning)
    const { capabilities, commands } = reading
    if (capabilities.has('report-status') || capabilities.has('report-status-v2')) return false
    const moves = commands.filter(({ oldId, newId }) => oldId !== newId).slice(0, maxLookedAt)
    const signal = AbortSignal.timeout(lookMs)
    // If git cannot say, they are not known to have moved.
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
