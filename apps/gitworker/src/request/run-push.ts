import type { RequestBody } from '../body/request-body.ts'
import type { ReferenceCache } from '../cache/references/reference-cache.ts'
import type { Copies } from '../copies/primary/copies.ts'
import type { PushAllowance } from '../hooks/push-place.ts'
import { refuse } from '../operations/request-record.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'
import type { GitReport } from '../process/worker-message.ts'
import { PushEnding } from '../push/interrupted-push.ts'
import type { PushEndingServices } from '../push/interrupted-push.ts'
import { PushAudit } from '../push/push-audit.ts'
import type { PushAuditServices } from '../push/push-audit.ts'
import { pushCommands } from '../push/push-commands.ts'
import { maxReadOnBytes } from '../push/refused-push.ts'
import { cleanUpAfterPush } from '../push/clean-up-push.ts'
import type { CleanUpServices } from '../push/clean-up-push.ts'
import { noteVerdict } from '../reply/git-reply.ts'
import type { Verdict } from '../reply/git-reply.ts'
import { PushReply } from '../reply/push-reply.ts'
import { ReportGate } from '../reply/report-gate.ts'
import { relay } from '../reply/relay.ts'
import { tellReason } from '../reply/reply-trailer.ts'
import type { NewHead, NewHeads } from '../repository/default-branch.ts'
import type { StaleLocks } from '../sweep/stale-locks.ts'
import { confirmCopies } from '../copies/primary/confirm-copies.ts'
import { confirmationOf, isConfirmed, keepForCopies } from './confirm-push.ts'
import type { ConfirmPush } from './confirm-push.ts'
import type { GitCall } from './git-call.ts'
import { concludeRun, noteWorker } from './git-runs.ts'
import type { PushStarter } from './start-push.ts'

/*
 * The steps of a push that has a slot and is allowed:
 *
 *   remove stale locks                     stale-locks
 *   start git; note what the push wants    start-push, push-audit
 *   pass its reply on                      relay, push-reply ── cut off ──▶ interrupted-push: end git, or let its hooks finish
 *     before the report: set HEAD          report-gate, default-branch            │
 *     and record what git did              push-audit                             │
 *     on the disk? in a cluster: on copies, sync-references                       │
 *     and is this host still the primary?  confirm-push ── no ──▶ cut             │
 *   git's processes are gone ◀────────────────────────────────────────────────────┘
 *   remove the files that it left          clean-up-push: unless git ended by itself
 *
 * From before git starts until the end of these steps, the reference cache answers nothing for the repository.
 */

export type PushRunServices = {
  readonly starter: PushStarter
  readonly newHeads: NewHeads
  readonly staleLocks: StaleLocks
  /** Undefined where references are not cached. */
  readonly answers: Pick<ReferenceCache, 'pushing'> | undefined
  readonly audits: PushAuditServices
  /** Undefined where there is one host only. */
  readonly copies: Copies | undefined
  /** Whether pushes must be on the disk before they are acknowledged. */
  readonly fsync: boolean
  /** What ends a push and tidies up after it. */
  readonly endings: PushEndingServices & CleanUpServices
}

/** A push whose git runs. */
type Push = {
  readonly body: RequestBody
  readonly worker: WorkerHandle
  readonly reply: PushReply
  readonly ending: PushEnding
  readonly audit: PushAudit
  /** Undefined where nothing must come before the report. */
  readonly confirm: ConfirmPush | undefined
  /** Undefined unless HEAD may have to be set: it points to a branch by guess. */
  readonly newHead: NewHead | undefined
}

/**
 * How far the reply has come. `cut off`: git's output did not come to its end. `passed on`: all of it has been sent.
 * `ended`: the reply has ended, too.
 */
type Progress = 'cut off' | 'passed on' | 'ended'

/** Runs git for pushes that have a slot. */
export class PushRuns {
  readonly #services: PushRunServices

  constructor(services: PushRunServices) {
    this.#services = services
  }

  /**
   * Returns when no process of the push lives, and the files that it left have been removed.
   *
   * @throws {Refusal} where git cannot be started
   */
  async run(call: GitCall, gitDir: string, body: RequestBody, allowance: PushAllowance): Promise<void> {
    const { starter, newHeads, staleLocks, answers, audits, copies, fsync, endings } = this.#services
    const { exchange, request, record } = call
    const newHead = newHeads.of(gitDir)
    using _pushing = answers?.pushing(gitDir)
    record.swept = await staleLocks.remove(gitDir, pushCommands(body.beginning))
    const audited = { exchange, repository: request.repository, record, gitDir, visit: call.visit }
    await using audit = await PushAudit.begin(audits, audited, body)
    const since = await keepForCopies(body, request.repository, copies)
    await using run = await starter.start(exchange, request, gitDir, allowance, audit.intend())
    const { worker, note, hasProcReceive } = run
    noteWorker(worker, record)
    Object.assign(record, { waitedMs: exchange.milliseconds, phase: 'serving' })
    audit.hasProcReceive = hasProcReceive
    const reply = new PushReply(allowance.room, audit.results)
    const ending = new PushEnding(endings, exchange, record, body, gitDir, reply)
    const { hasHooks } = run
    const ran = { body, audit, reply, since, hasHooks, syncedIn: fsync ? gitDir : undefined }
    const push = { body, worker, reply, ending, audit, newHead, confirm: confirmationOf(call, copies, ran) }
    const progress = await passOn(call, push)
    await conclude(push, progress, record)
    await audit.settle()
    const endedByItself = progress === 'ended' && worker.signalled === undefined
    if (!endedByItself) await cleanUpAfterPush(endings, gitDir, body, note, record)
    await settle(newHead, record)
    // Hooks may have changed references after the report, and a client that has left was told nothing.
    if (copies && (run.hasHooks || !endedByItself)) await this.#confirmLate(call, copies)
  }

  /** A repository that this push has created may be taken back: its copies get to know that afterwards. */
  async #confirmLate({ request, tenure, record }: GitCall, copies: Copies): Promise<void> {
    if (!tenure || record.created) return
    await confirmCopies(copies, request.repository, tenure).catch((error: unknown) => (record.tidyError ??= error))
  }
}

/** Sends git's output to the client. Before the reply ends, HEAD is set, and a new repository is kept or removed. */
async function passOn(call: GitCall, push: Push): Promise<Progress> {
  const { exchange, request, visit, record } = call
  const { body, worker, reply, ending, audit, newHead, confirm } = push
  let progress: Progress = 'cut off'
  try {
    const gate = gateOf(push, call)
    const stop = () => ending.end(worker, gate?.isOpen ?? true)
    const report = await relay(exchange, request, body, worker, (chunk) => reply.take(chunk), gate, stop)
    const verdict = await noteEnd(push, report, record)
    if (verdict) tellReason(exchange, verdict.refusal)
    await gate?.close(exchange.signal)
    if (gate?.isRefused) exchange.signal.throwIfAborted()
    progress = 'passed on'
    // The client may read the repository as soon as the reply ends.
    await settle(newHead, record)
    // A client that wants no report is told nothing before the end.
    await audit.settle()
    if (!gate?.isOpen) await confirm?.()
    await visit.leave()
    // git may answer before it has read the whole push: when the push is too large, for example.
    await exchange.readOn(maxReadOnBytes)
    await exchange.finish()
    return 'ended'
  } catch (error) {
    // The client is answered before the worker is gone: the teardown may take as long as its graces.
    await refuse(exchange, record, error)
    return progress
  }
}

/** What must be done before the client gets git's report, if anything. */
function gateOf({ reply, audit, newHead, confirm }: Push, { exchange }: GitCall): ReportGate | undefined {
  if (!newHead && !audit.isAwaited && !confirm) return undefined
  const before = async () => {
    // If HEAD cannot be set, the next push tries again.
    await Promise.all([newHead?.settle().catch(() => {}), audit.settle()])
    return await isConfirmed(exchange, confirm)
  }
  return new ReportGate(exchange.outgoing, before, reply)
}

/** Waits until no process of the push lives, and records how it ended. */
async function conclude(push: Push, progress: Progress, record: RequestRecord): Promise<void> {
  const { worker, reply, ending } = push
  record.phase = 'ending'
  await concludeRun(worker, record)
  await ending.conclude()
  // Some clients close the connection as soon as they have git's report. Their push ended as the report says.
  const wasTold = ending.wasTold || (progress !== 'cut off' && reply.hasReported)
  if (record.refusal?.reason !== 'client_gone' || !wasTold) return
  delete record.refusal
  record.outcome = 'completed'
  await noteEnd(push, { code: 0 }, record)
}

async function noteEnd(
  { worker, reply }: Push,
  report: Pick<GitReport, 'code'>,
  record: RequestRecord,
): Promise<Verdict | undefined> {
  const verdict = await reply.verdict(report, () => worker.lastWords())
  if (verdict) noteVerdict(record, verdict)
  return verdict
}

/** Makes HEAD point to a branch that exists. If that fails, the next push tries again. */
async function settle(newHead: NewHead | undefined, record: RequestRecord): Promise<void> {
  await newHead?.settle().catch((error) => (record.tidyError = error))
}
