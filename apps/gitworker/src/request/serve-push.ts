import type { GitReport } from '../process/worker-message.ts'
import { abortedBy } from '../process/job.ts'
import { refuse } from '../operations/request-record.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import type { NewHead } from '../repository/default-branch.ts'
import { PushEnding } from '../push/end-push.ts'
import { checkFirstPush, createForPush } from '../creation/first-push.ts'
import type { GitCall } from './git-call.ts'
import { noteVerdict, watchReply } from '../reply/git-reply.ts'
import type { GitReply, Verdict } from '../reply/git-reply.ts'
import { concludeRun, noteStart, startGit } from './git-runs.ts'
import { pushCommands } from '../push/push-commands.ts'
import { judgePush } from '../push/push-rules.ts'
import type { PushJudgement } from '../push/push-rules.ts'
import { maxReadOnBytes, refusePush } from '../push/refused-push.ts'
import { relay } from '../reply/relay.ts'
import { tellReason } from '../reply/reply-trailer.ts'
import type { Repository } from '../repository/repository.ts'
import type { RequestBody } from '../body/request-body.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import { waitForSlot } from './slots.ts'
import { tidyAfterPush } from '../push/tidy-push.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'

/*
 * The steps of a push:
 *
 *   wait for a slot
 *   find the repository, or create it      create-repository, new-repositories
 *   is the service on?                     service-switch
 *   do the rules allow it?                 push-rules ────── no ──▶ refused here: refused-push
 *   clear the way for its locks            clear-the-way
 *   start git                              git-run, push-place
 *   pass its reply on                      relay, push-reply ── cut off ──▶ end-push: git is ended, or its hooks may end
 *     before the report: settle HEAD       report-gate, default-branch            │
 *   git's processes are gone ◀────────────────────────────────────────────────────┘
 *   remove what it may have left           tidy-push: unless git ended by itself
 *   give the slot back
 *
 * From before git starts until all of this is over, the reference cache answers nothing about the repository's references.
 */

/**
 * @param found undefined: the repository is yet to be created
 * @throws {Refusal} whatever stands in the way of starting git
 */
export async function servePush(call: GitCall, found: Repository | undefined, body: RequestBody): Promise<void> {
  const { exchange, host, request, record } = call
  if (!found) checkFirstPush(body, host)
  using slot = await waitForSlot(call, body)
  const { gitDir } = found ?? (await createForPush(host, call.visit, exchange, request, body, record))
  await checkServiceIsOn(host, gitDir, request, exchange.signal)
  const judgement = await judge(call, gitDir, body)
  if (judgement?.refused) return await answerRefused(call, slot, body, judgement.refused, judgement.push)
  await runPush(call, gitDir, body, judgement?.denyForce)
}

/** Returns when nothing of the push lives, and what it may have left has been removed. */
async function runPush(call: GitCall, gitDir: string, body: RequestBody, denyForce?: boolean): Promise<void> {
  const { exchange, host, request, record } = call
  const newHead = host.newHeads.of(gitDir)
  using _pushing = host.answers?.pushing(gitDir)
  record.swept = await host.wayClearer.clear(gitDir, pushCommands(body.beginning))
  await using run = await startGit(host, request, gitDir, exchange, denyForce)
  noteStart(run.worker, exchange, record)
  const reply = watchReply(request, host.maxPush(request.repository))
  const ending = new PushEnding(host, exchange, record, body, gitDir, reply)
  const push = { body, worker: run.worker, reply, ending, newHead }
  const progress = await passOn(call, push)
  record.phase = 'ending'
  await concludeRun(run.worker, record)
  await ending.conclude()
  await noteIfTold(push, progress, record)
  const endedByItself = progress === 'ended' && run.worker.signalled === undefined
  if (!endedByItself) await tidyAfterPush(host, gitDir, body, run.note, record)
  await settle(newHead, record)
}

/** A push that git is at work for. */
type Push = {
  readonly body: RequestBody
  readonly worker: WorkerHandle
  readonly reply: GitReply
  readonly ending: PushEnding
  /** Where HEAD is a guess. */
  readonly newHead: NewHead | undefined
}

/** How far the reply has come: git's words not to their end, or all of them on their way, or its own end besides. */
type Progress = 'cut off' | 'passed on' | 'ended'

/** What the rules on pushes say; undefined where there are none for this repository. */
async function judge(
  { exchange, host, request }: GitCall,
  gitDir: string,
  body: RequestBody,
): Promise<PushJudgement | undefined> {
  const { protectedRefs: rulesOf, root } = host
  if (!rulesOf) return undefined
  const runHere = abortedBy(exchange.signal, host.runJob)
  return await judgePush(exchange, { root, gitDir, name: request.repository, rulesOf }, body, runHere)
}

/** The rules on pushes say no. */
async function answerRefused(
  { exchange, visit, record }: GitCall,
  slot: Disposable,
  body: RequestBody,
  refused: NonNullable<PushJudgement['refused']>,
  push: PushJudgement['push'],
): Promise<void> {
  // Reading the rest of it needs no slot.
  slot[Symbol.dispose]()
  await visit.leave()
  record.protectedRefs = [...refused.objections.keys()].slice(0, 10).map(({ ref }) => ref.slice(0, 256))
  await refusePush(exchange, body, refused, push)
  record.refusal = refused.refusal
  record.outcome = refused.refusal.outcome
}

/** Sends the client what git writes, and makes true what it says before the reply ends. */
async function passOn({ exchange, request, visit, record }: GitCall, push: Push): Promise<Progress> {
  const { body, worker, reply, ending, newHead } = push
  let progress: Progress = 'cut off'
  try {
    const gate = newHead?.gate(exchange.outgoing, reply)
    const stop = () => ending.end(worker, gate === undefined)
    const report = await relay(exchange, request, body, worker, (chunk) => reply.take(chunk), gate, stop)
    const verdict = await noteEnd(push, report, record)
    if (verdict) tellReason(exchange, verdict.refusal)
    await gate?.close(exchange.signal)
    progress = 'passed on'
    // Whoever pushed may look at once.
    await settle(newHead, record)
    await visit.leave()
    // git has its say before it has read all of a push that is too large, say.
    await exchange.readOn(maxReadOnBytes)
    await exchange.finish()
    return 'ended'
  } catch (error) {
    // Answered before the worker is waited for: its teardown may take as long as its graces.
    await refuse(exchange, record, error)
    return progress
  }
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

/** Some clients close the connection once they have what they came for. What git has told them is how the push ended. */
async function noteIfTold(push: Push, progress: Progress, record: RequestRecord): Promise<void> {
  const wasTold = push.ending.wasTold || (progress !== 'cut off' && push.reply.hasReported)
  if (record.refusal?.reason !== 'client_gone' || !wasTold) return
  delete record.refusal
  record.outcome = 'completed'
  await noteEnd(push, { code: 0 }, record)
}

/** Makes HEAD point to a branch where it is a guess. If that fails, the next push tries again. */
async function settle(newHead: NewHead | undefined, record: RequestRecord): Promise<void> {
  await newHead?.settle().catch((error) => (record.tidyError = error))
}
