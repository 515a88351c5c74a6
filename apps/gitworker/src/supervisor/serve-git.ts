import type { Exchange } from '@sluice/shared/exchange'
import type { Claim } from '@sluice/shared/fair-queue'
import { parseGitRequest } from '@sluice/shared/git-request'
import type { GitRequest } from '@sluice/shared/git-request'
import { plainName } from '@sluice/shared/repository-pattern'
import { sourceKey } from '@sluice/shared/source'
import type { GitReport } from '@sluice/shared/worker-message'
import type { RunJob } from '../git/job.ts'
import { questionOf } from '../cache/questions.ts'
import { packKeyOf } from '../cache/pack-key.ts'
import { refuse } from './account.ts'
import type { Account } from './account.ts'
import { laneOf, waits } from './admission.ts'
import type { LaneName } from './admission.ts'
import { AnswerCapture } from './answer-capture.ts'
import { PushEnding } from './end-push.ts'
import { admitFirstPush, checkFirstPush, createForPush } from './first-push.ts'
import { tellReason } from './reply-trailer.ts'
import { noteVerdict, watchReply } from './git-reply.ts'
import { concludeRun, startGit } from './git-run.ts'
import type { Host } from './host.ts'
import { isCommitted, pushCommands } from './push-commands.ts'
import { judgePush } from './push-rules.ts'
import type { PushJudgement } from './push-rules.ts'
import { refusePush } from './refused-push.ts'
import { begin, contentType, relay } from './relay.ts'
import { findRepository } from './repository.ts'
import type { Repository } from './repository.ts'
import { RequestBody } from './request-body.ts'
import type { RequestNote } from './request-note.ts'
import { checkServiceIsOn } from './service-switch.ts'
import { servePack } from './serve-pack.ts'
import type { PackRequest } from './serve-pack.ts'

/** The way of one request through this host. Returns when it is answered and nothing that it started lives. */
export async function serveGit(exchange: Exchange, host: Host, account: Account): Promise<void> {
  try {
    await serve(exchange, host, account)
  } catch (error) {
    await refuse(exchange, account, error)
  }
}

async function serve(exchange: Exchange, host: Host, account: Account): Promise<void> {
  setLimits(exchange, host)
  const request = (account.request = parseGitRequest(exchange.incoming))
  const lane = laneOf(request)
  if (request.service === 'receive-pack')
    await host.disks.checkPush(Number(exchange.incoming.headers['content-length'] ?? 0))
  const claim = { repository: plainName(request.repository), source: sourceKey(exchange.source, exchange.user) }
  if (request.kind === 'rpc') exchange.watchUnreadBody()
  // What a first push has created in vain goes with the last who has something to do with it.
  await using visit = host.newRepositories.visit(claim.repository, request.repository, account)
  const found =
    findRepository(host.root, request.repository) ?? (await admitFirstPush(host, exchange, request, account))
  const body =
    request.kind === 'rpc' ? await RequestBody.read(exchange, request.service, host.maxFetchRequest) : undefined
  account.command = body?.command

  if (body?.isProbe) return answerProbe(exchange, host, request, found)
  if (body && !found) checkFirstPush(body, host)
  const question = found && host.answers && questionOf(request, found.gitDir, body?.whole, host.build)
  const known = question && host.answers?.lookUp(question)
  if (known) return answerKnown(exchange, request, known, account)
  const pack = found && body && packRequestOf(host, request, found.gitDir, body, claim)
  if (pack && host.packs) return servePack(exchange, host, host.packs, pack, account)

  const runJob: RunJob = (args, options) => host.runJob(args, { signal: exchange.signal, ...options })
  // The slot of a fetch is given back when its worker is gone, whatever the client does then; that of a push, when what it
  // may have left has been removed.
  account.phase = 'queued'
  using slot = await waitForSlot(exchange, host, lane, claim, body)
  account.phase = 'starting'
  const repository = found ?? (await createForPush(host, visit, exchange, request, body!, account))
  await checkServiceIsOn(host, repository.gitDir, request, exchange.signal)
  const isPush = lane === 'push'
  const judgement = isPush && body ? await judge(host, exchange, request, repository, body, runJob) : undefined
  if (body && isRefused(judgement)) {
    // Reading the rest of it needs no slot.
    slot[Symbol.dispose]()
    await visit.leave()
    return answerRefused(exchange, body, judgement, account)
  }
  const denyForce = judgement?.denyForce === true
  const newHead = isPush ? host.newHeads.of(repository.gitDir) : undefined
  const settle = async () => newHead?.settle().catch((e) => (account.tidyError = e))
  using _pushing = isPush ? host.answers?.pushing(repository.gitDir) : undefined
  const answering = question && host.answers?.ask(question)
  const capture = answering && new AnswerCapture(answering)
  if (isPush && body) account.swept = await host.wayClearer.clear(repository.gitDir, pushCommands(body.beginning))
  await using run = await startGit(host, request, repository.gitDir, exchange, denyForce)
  const { worker } = run
  if (!isPush) void worker.gone.then(() => slot[Symbol.dispose]())
  account.worker = worker.pid
  account.waitedMs = exchange.milliseconds
  account.phase = 'serving'
  void worker.report.then((report) => (account.git = report)).catch(() => {})
  const reply = watchReply(request, host.maxPush(request.repository))
  let isCutShort = false
  let isPassedOn = false
  const noteEnd = async (report: Pick<GitReport, 'code'>) => {
    const verdict = await reply.verdict(report, () => worker.lastWords())
    if (verdict) noteVerdict(account, verdict)
    return verdict
  }
  const ending = isPush && body ? new PushEnding(host, exchange, account, body, repository.gitDir, reply) : undefined
  const onOutput = (chunk: Buffer) => {
    capture?.take(chunk)
    return reply.take(chunk)
  }
  const stop = () => (ending ? ending.end(worker, newHead === undefined) : worker.stop())
  try {
    const gate = newHead?.gate(exchange.outgoing, reply)
    const report = await relay(exchange, request, body, worker, onOutput, gate, stop)
    const verdict = await noteEnd(report)
    if (verdict) tellReason(exchange, verdict.refusal)
    else capture?.store()
    await gate?.close(exchange.signal)
    isPassedOn = true
    // Before the reply ends: whoever pushed may look at once.
    await settle()
    await visit.leave()
    await exchange.finish()
  } catch (error) {
    isCutShort = true
    // Answered before the worker is waited for: its teardown may take as long as its graces.
    await refuse(exchange, account, error)
  }
  account.phase = 'ending'
  await concludeRun(worker, account)
  await ending?.conclude()
  const endedByItself = !isCutShort && worker.signalled === undefined
  const wasTold = ending?.wasTold || (isPassedOn && reply.hasReported)
  if (account.refusal?.reason === 'client_gone' && wasTold) {
    // Some clients close the connection once they have what they came for.
    delete account.refusal
    account.outcome = 'completed'
    await noteEnd({ code: 0 })
  }
  if (body && isPush && !endedByItself) await tidyAfterPush(host, repository, body, run.note, account)
  await settle()
}

function setLimits(exchange: Exchange, { connections, idleTimeout, silentGitTimeout, requestTimeout }: Host): void {
  connections.check(exchange)
  exchange.limitIdleness(idleTimeout, silentGitTimeout)
  if (requestTimeout !== undefined) exchange.limitDuration(requestTimeout)
}

/** A host that would take a push must say so of a repository that is yet to be created, too. */
async function answerProbe(
  exchange: Exchange,
  host: Host,
  request: GitRequest,
  found: Repository | undefined,
): Promise<void> {
  if (found) await checkServiceIsOn(host, found.gitDir, request, exchange.signal)
  await exchange.reply(200, '', { 'Content-Type': contentType(request) })
}

/** The rules on pushes say no. */
async function answerRefused(
  exchange: Exchange,
  body: RequestBody,
  { refused, push }: RefusedPush,
  account: Account,
): Promise<void> {
  account.protectedRefs = [...refused.objections.keys()].slice(0, 10).map(({ ref }) => ref.slice(0, 256))
  await refusePush(exchange, body, refused, push)
  account.refusal = refused.refusal
  account.outcome = refused.refusal.outcome
}

type RefusedPush = PushJudgement & { readonly refused: NonNullable<PushJudgement['refused']> }

function isRefused(judgement: PushJudgement | undefined): judgement is RefusedPush {
  return judgement?.refused !== undefined
}

/** A fetch whose pack others may be asking for, too. */
function packRequestOf(
  host: Host,
  request: GitRequest,
  gitDir: string,
  body: RequestBody,
  claim: Claim,
): PackRequest | undefined {
  const key = packKeyOf(request, gitDir, body.whole, host.build)
  return key === undefined ? undefined : { key, request, gitDir, body, claim }
}

/** An answer that git has given before, and would give again. The service was on then, and so it is still. */
async function answerKnown(exchange: Exchange, request: GitRequest, bytes: Buffer, account: Account): Promise<void> {
  account.cache = 'references'
  begin(exchange, request, bytes.length)
  exchange.outgoing.write(bytes)
  exchange.sent(bytes.length)
  await exchange.finish()
}

/** While it waits, its body is read on: a client with much unread could leave without being noticed. */
async function waitForSlot(
  exchange: Exchange,
  host: Host,
  lane: LaneName,
  claim: Claim,
  body: RequestBody | undefined,
): Promise<Disposable> {
  using _ahead = body?.readAhead(host.readAhead)
  using _waits = waits(exchange, host, lane)
  return await host.admission.admit(lane, claim, exchange.signal)
}

/** What the rules on pushes say; undefined where there are none for this repository. */
async function judge(
  { protectedRefs, root }: Host,
  exchange: Exchange,
  { repository: name }: GitRequest,
  { gitDir }: Repository,
  body: RequestBody,
  runJob: RunJob,
): Promise<PushJudgement | undefined> {
  return protectedRefs && judgePush(exchange, { root, gitDir, name, rulesOf: protectedRefs }, body, runJob)
}

/** After a push that did not end by itself: removes what it left, and finds out whether it took effect all the same. */
async function tidyAfterPush(
  host: Host,
  { gitDir }: Repository,
  body: RequestBody,
  note: RequestNote,
  account: Account,
): Promise<void> {
  try {
    if (note.file !== undefined) (account.swept ??= []).push(...(await host.sweeper.sweep(note.file)))
    // Not with the exchange's signal, which is what has ended it.
    const committed = await isCommitted(gitDir, pushCommands(body.beginning), host.runJob)
    if (!committed) return
    if (account.refusal?.reason === 'client_gone') account.committedAfterDisconnect = true
    // Who has been told what became of each reference knows it.
    else if (account.refusal && !account.rejected) account.committedBeforeEnd = true
  } catch (error) {
    // The client has its answer, or is gone; this is for the log.
    account.tidyError = error
  }
}
