import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { serviceCommand } from '../git/command.ts'
import type { GitCommand } from '../git/command.ts'
import { abortedBy } from '../process/job.ts'
import { withWord } from '../process/request-processes.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { laneOf } from '../capacity/admission.ts'
import type { Host } from './host.ts'
import { openPushPlace } from '../hooks/push-place.ts'
import type { RequestNote } from '../process/request-note.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'

const maxNameLength = 256

/** git at work for a request, in a worker of its own. Disposing of it ends it, and waits until nothing of it lives. */
export type GitRun = AsyncDisposable & {
  readonly worker: WorkerHandle
  /** What is noted of it, by which what it may leave is told. */
  readonly note: RequestNote
}

/**
 * Starts git for a request that has a slot.
 *
 * @param gitDir the repository
 * @param client who asks, from where; its signal ends the wait for a worker
 * @param denyForce whether no branch of this push may move otherwise than forward
 * @throws {Refusal} where there is no worker or no room, `repository_unreadable`, or the signal's reason
 */
export async function startGit(
  host: Host,
  request: GitRequest,
  gitDir: string,
  { clientAddress: address, user, signal }: Pick<Exchange, 'clientAddress' | 'user' | 'signal'>,
  denyForce = false,
): Promise<GitRun> {
  const filters = await host.filterOffer.isMade(gitDir, request, abortedBy(signal, host.runJob))
  await using started = new AsyncDisposableStack()
  const isPush = laneOf(request) === 'push'
  const place = isPush ? started.use(await openPushPlace(host, request, gitDir, denyForce, signal)) : undefined
  const worker = await host.pool.lease(signal)
  // The note stays until what a push may have left has been removed, which is after the worker's end.
  const note = started.use(host.runFolder.note(worker.mark, isPush ? gitDir : undefined))
  started.use(worker)
  // What an earlier push left may be nobody's now. If it cannot be removed, that is tried again.
  worker.gone.then(() => host.sweeper.tryAgain(gitDir)).catch(() => {})
  void worker.gone.then(() => warnOfLeftovers(host, request, worker))
  worker.report.then((report) => host.onGitEnded(request.service, report)).catch(() => {})
  const graces = { term: isPush ? host.graces.push : 0, kill: host.graces.kill, drain: isPush }
  const command = serviceCommand(host.git, request, gitDir, { user, address }, place, filters)
  worker.serve(withWord(isPush ? tracedTo(note.file, command) : command, worker.mark), graces)
  void worker.gone.then(() => host.leakCheck.isOver(worker.mark))
  const run = started.move()
  return { worker, note, [Symbol.asyncDispose]: () => run.disposeAsync() }
}

/** A push says there what it makes: see push-words.ts. */
function tracedTo(file: string | undefined, command: GitCommand): GitCommand {
  return file === undefined ? command : { ...command, env: { ...command.env, GIT_TRACE: file } }
}

/** What a hook has started in the background is lost work to somebody: they are to find out why. */
function warnOfLeftovers({ log }: Host, { repository }: GitRequest, { leftovers: processes }: WorkerHandle): void {
  if (processes.length === 0) return
  const line = { repository: repository.slice(0, maxNameLength), processes }
  log.warn(line, 'ended what git or a hook had left running in the background')
}

/** Notes that git is at work for a request. */
export function noteStart(worker: WorkerHandle, exchange: Exchange, record: RequestRecord): void {
  record.worker = worker.pid
  record.waitedMs = exchange.milliseconds
  record.phase = 'serving'
  void worker.report.then((report) => (record.git = report)).catch(() => {})
}

/** Waits until nothing of a run lives, and notes how it ended. */
export async function concludeRun(worker: WorkerHandle, record: RequestRecord): Promise<void> {
  await worker.gone
  record.worker = worker.pid
  if (worker.leftovers.length > 0) record.leftovers = true
  record.signalled = worker.signalled
  if (worker.signalledAfter !== undefined) record.signalledAfterMs = Math.round(worker.signalledAfter * 10) / 10
  if (record.outcome === 'git_failed' || record.outcome === 'failed') record.stderr = await worker.lastWords()
}
