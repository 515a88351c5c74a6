import type { GitRequest, Service } from '@sluice/shared/git/git-route'
import { tracedTo } from '../git/command.ts'
import type { GitCommand } from '../git/command.ts'
import type { Logger } from '@sluice/shared/telemetry/log'
import { laneOf } from '../capacity/admission.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import type { LeakCheck } from '../process/leak-check.ts'
import type { Pool } from '../process/pool.ts'
import type { RequestNote } from '../process/request-note.ts'
import type { SpawnLog } from '../process/spawn-log.ts'
import { withWord } from '../process/request-processes.ts'
import type { RequestMark } from '../process/request-processes.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'
import type { GitReport, Graces } from '../process/worker-message.ts'

const maxNameLength = 256

/**
 * A git that runs for a request, in a worker of its own. Disposing of it ends git and waits until none of its processes
 * lives.
 */
export type GitRun = AsyncDisposable & {
  readonly worker: WorkerHandle
  /** The note on disk that tells which files of a push may be left. */
  readonly note: RequestNote
}

export type GitRunServices = {
  readonly pool: Pick<Pool, 'lease'>
  readonly runtimeDirectory: {
    note(worker: RequestMark, gitDir: string | undefined): RequestNote
    readonly sweeper: { tryAgain(gitDir: string): Promise<unknown> }
  }
  readonly leakCheck: Pick<LeakCheck, 'isOver'>
  readonly spawnLog: Pick<SpawnLog, 'begin'>
  /** Called with the report of each git that served a request. */
  readonly onGitEnded: (service: Service, report: GitReport) => void
  readonly log: Logger
}

/** What is to be run. */
export type GitStart = {
  /** For the debug log. */
  readonly requestId: string
  readonly request: GitRequest
  readonly gitDir: string
  readonly command: GitCommand
  readonly graces: Graces
  /** Ends the wait for a worker. */
  readonly signal: AbortSignal
}

/** Starts git for requests that have a slot. */
export class GitRuns {
  readonly #services: GitRunServices

  constructor(services: GitRunServices) {
    this.#services = services
  }

  /** @throws {Refusal} `no_worker`, `draining`, or the signal's reason */
  async start({ requestId, request, gitDir, command, graces, signal }: GitStart): Promise<GitRun> {
    const { pool, runtimeDirectory, spawnLog } = this.#services
    const isPush = laneOf(request) === 'push'
    await using started = new AsyncDisposableStack()
    const worker = await pool.lease(signal)
    // The note is removed after the worker's end: until then, it tells what a push may have left.
    const note = started.use(runtimeDirectory.note(worker.mark, isPush ? gitDir : undefined))
    started.use(worker)
    this.#watch(worker, request, gitDir)
    const marked = withWord(isPush ? tracedTo(note.file, command) : command, worker.mark)
    worker.serve(spawnLog.begin(worker, marked, requestId), graces)
    const run = started.move()
    return { worker, note, [Symbol.asyncDispose]: () => run.disposeAsync() }
  }

  /** Reports git's exit and cleans up after the end of all of its processes, whatever becomes of the request. */
  #watch(worker: WorkerHandle, request: GitRequest, gitDir: string): void {
    const { runtimeDirectory, leakCheck, onGitEnded, log } = this.#services
    worker.report.then((report) => onGitEnded(request.service, report)).catch(() => {})
    void worker.gone.then(() => leakCheck.isOver(worker.mark))
    void worker.gone.then(() => warnOfLeftovers(log, request, worker))
    // Files that an earlier push left may have been in use by this git. If they still cannot be removed, a later run
    // tries again.
    worker.gone.then(() => runtimeDirectory.sweeper.tryAgain(gitDir)).catch(() => {})
  }
}

/** The author of a hook that starts processes in the background must be able to find out why they were ended. */
function warnOfLeftovers(log: Logger, { repository }: GitRequest, { leftovers: processes }: WorkerHandle): void {
  if (processes.length === 0) return
  const line = { repository: repository.slice(0, maxNameLength), processes }
  log.warn(line, 'ended what git or a hook had left running in the background')
}

/** Records which worker serves a request and, later, how its git ended. */
export function noteWorker(worker: WorkerHandle, record: RequestRecord): void {
  record.worker = worker.pid
  void worker.report.then((report) => (record.git = report)).catch(() => {})
}

/** Waits until no process of a run lives, and records how it ended. */
export async function concludeRun(worker: WorkerHandle, record: RequestRecord): Promise<void> {
  await worker.gone
  record.worker = worker.pid
  if (worker.leftovers.length > 0) record.leftovers = true
  record.signalled = worker.signalled
  if (worker.signalledAfter !== undefined) record.signalledAfterMs = Math.round(worker.signalledAfter * 10) / 10
  if (record.outcome === 'git_failed' || record.outcome === 'failed') record.stderr = await worker.lastWords()
}
