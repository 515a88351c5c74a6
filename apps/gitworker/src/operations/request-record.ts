import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { RemoteRequest } from '@sluice/shared/lfs/remote-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Outcome } from '@sluice/shared/refusal/outcomes'
import type { Reason } from '@sluice/shared/refusal/reasons'
import type { GitReport } from '../process/worker-message.ts'
import { reasonInWords } from '../git/faults.ts'
import type { RefChange } from './ref-change.ts'
import { JobError } from '../process/job/job.ts'
import { workerRefusal } from '../process/worker-handle.ts'

/** How far a request has come. `starting` waits for a worker, `ending` for the end of all processes that it started. */
export type Phase = 'reading' | 'queued' | 'starting' | 'serving' | 'ending'

/** The record of a request, for the log, the metrics and the status page. It is filled in as the request is served. */
export type RequestRecord = {
  phase: Phase
  outcome: Outcome
  request?: RemoteRequest
  refusal?: Refusal
  git?: GitReport
  /** In protocol version 2: `ls-refs`, `fetch` … */
  command?: string | undefined
  /** The cache that the answer came from; undefined if a git was started for this request. */
  cache?: 'references' | 'pack'
  /** The references because of which the rules refused a push: the first ten. */
  protectedRefs?: string[]
  /** Whether the repository does not exist yet, and the client was shown an empty one to push to. */
  absent?: boolean
  /** Whether this request created its repository. */
  created?: boolean
  /** Whether a new repository was removed at the end of this request because no push to it took effect. */
  takenBack?: boolean
  /** The worker's pid, which is also its session and process group. */
  worker?: number | undefined
  /** Whether a process outlived git and had to be ended. */
  leftovers?: boolean
  /** git's standard error, if git failed. */
  stderr?: string
  /** Why git did not do what was asked, as it told the client; at most 2 KiB. */
  said?: string
  /** The references that a push did not change, each with git's reason; the first ten. */
  rejected?: string[]
  /** What git did with each reference of a push, as far as that is known; the first hundred. */
  refs?: readonly RefChange[]
  /** How many references a push had beyond those. */
  moreRefs?: number
  /** Whether a push took effect although its client left before it was told. */
  committedAfterDisconnect?: boolean
  /** Whether a push took effect although it was ended here before its client was told. */
  committedBeforeEnd?: boolean
  /** For a push that took effect and whose client left: whether git and its hooks ended by themselves after that. */
  finishedAfterDisconnect?: boolean
  /**
   * Files that were removed: those of an earlier push that were in the way, and those that this push left when it was
   * ended.
   */
  swept?: string[] | undefined
  /** Why files could not be removed, or HEAD of a new repository could not be set. */
  tidyError?: unknown
  /** The strongest signal that was needed to end the request's processes. */
  signalled?: 'SIGTERM' | 'SIGKILL' | undefined
  /** Milliseconds from the decision to end them to the first signal. */
  signalledAfterMs?: number
  /** Milliseconds from the start of the request to that of its git. */
  waitedMs?: number
  /** For the status page: the worker of the git whose output the request reads. It may serve several requests. */
  stream?: { readonly worker: number | undefined } | undefined
}

export function newRecord(): RequestRecord {
  return { phase: 'reading', outcome: 'completed' }
}

/** Answers with a refusal and records it. The first refusal of a request stays in its record. */
export async function refuse(exchange: Exchange, record: RequestRecord, error: unknown): Promise<void> {
  // A worker may die between its lease and its command, outside of the code that translates its errors.
  const refusal = workerRefusal(error) ?? jobRefusal(error) ?? Refusal.from(error)
  record.refusal ??= refusal
  record.outcome = record.refusal.outcome
  await exchange.refuse(refusal, record.request)
}

/**
 * The refusal where one of the supervisor's own git commands failed, which is a fault of the repository or of the disk.
 */
function jobRefusal(error: unknown): Refusal | undefined {
  if (!(error instanceof JobError)) return undefined
  const reason = reasonInWords(error.message)
  return new Refusal(reason === 'disk_full' || reason === 'no_resources' ? reason : 'git_failed', { cause: error })
}

/** The reasons with which git itself ends a request: nothing had to be torn down. */
const gitsOwnEnds: ReadonlySet<Reason> = new Set([
  'git_failed',
  'git_killed',
  'git_cpu_time',
  'git_file_size',
  'git_refused',
  'push_rejected',
  'push_too_large',
  'disk_full',
  'no_resources',
])

export function isGitsOwnEnd({ reason }: Refusal): boolean {
  return gitsOwnEnds.has(reason)
}
