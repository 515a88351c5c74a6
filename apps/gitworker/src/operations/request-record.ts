import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Outcome } from '@sluice/shared/refusal/outcomes'
import type { Reason } from '@sluice/shared/refusal/reasons'
import type { GitReport } from '../process/worker-message.ts'
import { reasonInWords } from '../git/faults.ts'
import { JobError } from '../process/job.ts'
import { workerRefusal } from '../process/worker-handle.ts'

/** How far a request has come: `starting` is the wait for a worker, `ending` that for the end of all that it started. */
export type Phase = 'reading' | 'queued' | 'starting' | 'serving' | 'ending'

/** What is known of a request, for its line in the log, the metrics and the status page. Filled in as the request gets on. */
export type RequestRecord = {
  phase: Phase
  outcome: Outcome
  request?: GitRequest
  refusal?: Refusal
  git?: GitReport
  /** In protocol version 2: `ls-refs`, `fetch` … */
  command?: string | undefined
  /** Where the answer is from, if not from a git of the request's own. */
  cache?: 'references' | 'pack'
  /** Why a push was refused by the rules for references: the first of these. */
  protectedRefs?: string[]
  /** Whether the repository does not exist yet: a push was shown an empty one. */
  absent?: boolean
  /** Whether this request created its repository. */
  created?: boolean
  /** Whether a new repository was removed again at the end of this request, since no push to it took effect. */
  takenBack?: boolean
  /** The worker's pid, which is also its session and process group. */
  worker?: number | undefined
  /** Whether a process had outlived git and had to be ended. */
  leftovers?: boolean
  /** What git said, if it failed. */
  stderr?: string
  /** Why git did not do what was asked, in the words that it has told the client; at most 2 KiB. */
  said?: string
  /** What git has said of the references that a push did not change; the first ten. */
  rejected?: string[]
  /** Whether a push took effect whose client had gone before it could be told. */
  committedAfterDisconnect?: boolean
  /** Whether a push took effect that was ended here before its client could be told. */
  committedBeforeEnd?: boolean
  /** Of a push that had happened, and whose client had gone: whether git and its hooks ended by themselves after that. */
  finishedAfterDisconnect?: boolean
  /** What an earlier push had left in the way of this one, and what this one left that did not end by itself: removed. */
  swept?: string[] | undefined
  /** Why that, or making HEAD of a new repository point to a branch, did not work. */
  tidyError?: unknown
  /** The strongest signal that it took to end what ran. */
  signalled?: 'SIGTERM' | 'SIGKILL' | undefined
  /** Milliseconds from the decision to end it to the first signal. */
  signalledAfterMs?: number
  /** Milliseconds from the request to its worker. */
  waitedMs?: number
  /** What it reads, for the status page: `worker` is that of the git that writes it, which may be another request's. */
  stream?: { readonly worker: number | undefined } | undefined
}

export function newRecord(): RequestRecord {
  return { phase: 'reading', outcome: 'completed' }
}

/** Answers with the reason, and notes it. The first one counts. */
export async function refuse(exchange: Exchange, record: RequestRecord, error: unknown): Promise<void> {
  // A worker may die between its lease and its command.
  const refusal = workerRefusal(error) ?? jobRefusal(error) ?? Refusal.from(error)
  record.refusal ??= refusal
  record.outcome = refusal.outcome
  await exchange.refuse(refusal, record.request)
}

/** A git command of the supervisor's own that failed: the repository, or the disk, is what is wrong. */
function jobRefusal(error: unknown): Refusal | undefined {
  if (!(error instanceof JobError)) return undefined
  const reason = reasonInWords(error.message)
  return new Refusal(reason === 'disk_full' || reason === 'no_resources' ? reason : 'git_failed', { cause: error })
}

/** How git itself can end a request, without that anything had to be torn down. */
const gitsOwnEnds: ReadonlySet<Reason> = new Set([
  'git_failed',
  'git_killed',
  'git_refused',
  'push_rejected',
  'push_too_large',
  'disk_full',
  'no_resources',
])

export function isGitsOwnEnd({ reason }: Refusal): boolean {
  return gitsOwnEnds.has(reason)
}
